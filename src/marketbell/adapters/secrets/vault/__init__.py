"""Vault and OpenBao: KV version 2 over HTTP."""
