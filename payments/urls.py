from __future__ import annotations

from django.urls import path

from .views import invoice, pay, webhook

urlpatterns = [
    path("webhooks/<str:webhook_key>/", webhook.notify, name="webhook"),
    path("pay/<str:token>/", pay.page, name="pay"),
    path("pay/<str:token>/status", pay.status, name="pay_status"),
    path("pay/<str:token>/start", pay.start, name="pay_start"),
    path("pay/<str:token>/payer/<str:key>", pay.payer, name="pay_payer"),
    path("pay/<str:token>/check", pay.check, name="pay_check"),
    path("pay/<str:token>/return", pay.come_back, name="pay_return"),
    path("invoice/<str:token>/", invoice.page, name="invoice"),
    path("invoice/<str:token>/ask", invoice.ask, name="invoice_ask"),
    path("invoice/<str:token>/receipt", invoice.receipt, name="invoice_receipt"),
    path("invoice/<str:token>/file/<int:file_id>", invoice.file, name="invoice_file"),
]
