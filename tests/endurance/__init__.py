"""The app for a long time over a machine on which much happens."""
