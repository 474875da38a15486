"""Tables and nothing else. Every table carries the county, so that it can be partitioned by it."""
