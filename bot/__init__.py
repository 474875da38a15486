"""The process and its plumbing: knows WeChat, HTTP and PostgreSQL; knows no loan."""
