"""Screens: who meets a condition now, who enters and who leaves."""
