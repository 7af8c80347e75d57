"""Other servers than `relabel serve`; `label-studio-ml start` is given this folder."""
