"""The folder that `label-studio-ml start FOLDER` is given: it runs the `_wsgi.py` in there."""
