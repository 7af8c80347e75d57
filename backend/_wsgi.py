"""What `label-studio-ml start backend` and gunicorn serve: the application of `relabel serve`."""

from relabel.settings import Settings
from relabel.web.app import create_app

app = create_app(Settings.from_env())

if __name__ == "__main__":
    import argparse

    import waitress

    parser = argparse.ArgumentParser()
    parser.add_argument("-p", "--port", type=int, default=9090)
    parser.add_argument("--host", default="127.0.0.1")
    options, _ = parser.parse_known_args()
    waitress.serve(app, host=options.host, port=options.port)
