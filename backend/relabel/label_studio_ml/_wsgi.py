"""The application of `relabel serve`: run by `label-studio-ml start`, imported by WSGI servers."""

if __name__ == "__main__":
    from relabel.label_studio_ml.start import main

    main()
else:
    from relabel.settings import Settings
    from relabel.web.app import create_app

    app = create_app(Settings.from_env())
