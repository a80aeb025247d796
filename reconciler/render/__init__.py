"""Renderers: functions that turn plans, reports and status into text. They print nothing."""
