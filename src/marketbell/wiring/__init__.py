"""The only place that names adapters: settings in, flows out. One module a process."""
