"""For `label-studio-ml start backend` in a checkout; a wheel brings relabel/label_studio_ml."""

import runpy

app = runpy.run_module("relabel.label_studio_ml._wsgi", run_name=__name__).get("app")
