"""Alipay's side of its OpenAPI: gateway.do in public-key mode, cashier, notifications, statement."""
