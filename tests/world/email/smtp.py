"""A mail server for the tests: aiosmtpd with TLS and AUTH, on a free port, that writes down what it gets.

    smtp.py FOLDER none|starttls|implicit [--cert FILE --key FILE] [--user NAME --password WORD]

Prints its port. FOLDER gets one JSON file per mail, and `events`: a line for each AUTH, MAIL and RCPT it saw. Recipients say
what happens to them: `full@` is refused for now (451), `gone@` for good (550), `echo@` with an answer that repeats the password.
"""

import argparse
import asyncio
import json
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("tls", choices=["none", "starttls", "implicit"])
    for name in ["--cert", "--key", "--user", "--password"]:
        parser.add_argument(name)
    told = parser.parse_args()

    def note(event):
        with open(told.folder / "events", "a") as events:
            events.write(event + "\n")

    class Post:
        mails = 0

        async def handle_MAIL(self, server, session, envelope, address, options):
            note("MAIL")
            envelope.mail_from = address
            return "250 OK"

        async def handle_RCPT(self, server, session, envelope, address, options):
            note("RCPT")
            if address.startswith("full@"):
                return "451 4.7.1 Greylisted, try again later"
            if address.startswith("gone@"):
                return "550 5.1.1 No such user here"
            if address.startswith("echo@"):
                return f"550 you said {told.password}"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            Post.mails += 1
            mail = {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "content": envelope.content.decode("utf-8"),
                "protected": session.ssl is not None or told.tls == "implicit",
                "user": session.auth_data.login.decode() if session.auth_data else None,
            }
            new = told.folder / "new"
            new.write_text(json.dumps(mail))
            new.rename(told.folder / f"{Post.mails}.json")
            return "250 2.0.0 Kept as 42"

    def authenticate(server, session, envelope, mechanism, data):
        note(f"AUTH {mechanism}")
        right = (data.login, data.password) == (told.user.encode(), told.password.encode())
        # Unhandled lets the server give its own answer: 535.
        return AuthResult(success=right, handled=False, auth_data=data)

    context = None
    if told.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(told.cert, told.key)
    starttls = told.tls == "starttls"

    def connection():
        return SMTP(
            Post(),
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if told.user else None,
            auth_required=told.user is not None,
            auth_require_tls=starttls,
        )

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if told.tls == "implicit" else None)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


main()
