"""Searches through the moves of a puzzle: read `state` (a node), then `model` (what is asked)."""
