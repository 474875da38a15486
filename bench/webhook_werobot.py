"""WeRoBot for the webhook benchmark, run by its own environment: SERVER STORE CORE PORT; prints its port.

The same conversation as ours, as its users write it: the answers in the session, one question after the
other. The script and the account come as JSON on stdin.
"""

import json
import os
import socket
import sys

import werobot

SETTINGS = json.load(sys.stdin)
QUESTIONS = [asked for _, asked in SETTINGS["script"]]
FIRST = SETTINGS["script"][0][0]


def _storage(store):
    if store == "redis":
        import redis
        from werobot.session.redisstorage import RedisStorage

        return RedisStorage(redis.Redis.from_url(SETTINGS["redis"]), prefix=SETTINGS["prefix"])
    from werobot.session.sqlitestorage import SQLiteStorage

    return SQLiteStorage(SETTINGS["sqlite"])


def make_robot(store):
    robot = werobot.WeRoBot(token=SETTINGS["token"], enable_session=True, session_storage=_storage(store))
    robot.config["APP_ID"] = SETTINGS["appid"]
    robot.config["ENCODING_AES_KEY"] = SETTINGS["aes_key"]

    @robot.text
    def talk(message, session):
        if message.content == FIRST or "answers" not in session:
            session["answers"] = {}
        answers = session["answers"]
        step = len(answers)
        answers[str(step)] = message.content
        session["answers"] = answers
        if step + 1 >= len(QUESTIONS):
            session["answers"] = {}
        return f"记下了：{message.content}。\n{QUESTIONS[min(step, len(QUESTIONS) - 1)]}？"

    return robot


def serve_tornado(robot, path):
    import tornado.httpserver
    import tornado.ioloop
    import tornado.web
    from werobot.contrib.tornado import make_handler

    application = tornado.web.Application([(path, make_handler(robot))])
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    listening.setblocking(False)
    server = tornado.httpserver.HTTPServer(application)
    server.add_sockets([listening])
    print(listening.getsockname()[1], flush=True)
    tornado.ioloop.IOLoop.current().start()


def serve_waitress(robot, path):
    import waitress
    from bottle import Bottle
    from werobot.contrib.bottle import make_view

    application = Bottle()
    application.route(path, ["GET", "POST"], make_view(robot))
    server = waitress.create_server(application, listen="127.0.0.1:0", threads=4)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    kind, store, core, path = sys.argv[1:5]
    os.sched_setaffinity(0, {int(core)})
    {"tornado": serve_tornado, "waitress": serve_waitress}[kind](make_robot(store), path)
