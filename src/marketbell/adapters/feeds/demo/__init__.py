"""The demo market: a simulated venue, always labelled SIMULATED. How it is made: docs/explanation/demo-market.md."""
