"""E-mail: by SMTP, or by SendGrid."""
