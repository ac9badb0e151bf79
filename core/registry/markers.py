"""The marks of hooks."""

import pluggy

PROJECT = "qnas"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
