"""Providers that issue invoices on the tax platform: they translate, decide nothing and store nothing."""
