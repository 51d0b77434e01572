# SPDX-License-Identifier: GPL-3.0-or-later
"""A control socket where sallyportd's would be, for tests of the command line."""
import json
import os
import socket
import threading


class FakeDaemon:
    """Answers one request of each connection with what `answer` makes of it: the fields of a reply."""

    def __init__(self, root):
        os.makedirs(os.path.join(root, 'run', 'sallyport'), exist_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(os.path.join(root, 'run', 'sallyport', 'control.sock'))
        self.server.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def answer(self, request):
        raise NotImplementedError

    def serve(self):
        while True:
            client, _ = self.server.accept()
            with client, client.makefile('rb') as lines:
                line = lines.readline()
                if not line:
                    continue
                request = json.loads(line)
                lines.read(request.get('text_bytes', 0))
                answer = {'v': 1, 'id': request.get('id'), 'ok': True, **self.answer(request)}
                client.sendall(json.dumps(answer, ensure_ascii=False).encode() + b'\n')
