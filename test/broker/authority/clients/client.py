"""Says of each HOST=PORT whether its certificate is accepted for HOST, by Python's ssl."""

import socket
import ssl
import sys

roots, *others = sys.argv[1:]
context = ssl.create_default_context(cafile=roots)
context.verify_flags |= ssl.VERIFY_X509_STRICT
for pair in others:
    host, port = pair.split("=")
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as plain:
            with context.wrap_socket(plain, server_hostname=host):
                print("accepted", host)
    except ssl.SSLCertVerificationError as error:
        print("refused", host)
        print(error, file=sys.stderr)
