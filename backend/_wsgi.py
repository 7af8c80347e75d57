"""For `label-studio-ml start backend` in a checkout; a wheel brings the folder relabel/wsgi."""

import runpy

app = runpy.run_module("relabel.wsgi._wsgi", run_name=__name__).get("app")
