"""GradLab: grade deep-learning assignments safely, exactly and in plain words."""

__version__ = "0.1.0"
