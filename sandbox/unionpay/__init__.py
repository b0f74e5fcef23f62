"""UnionPay's side of ACP (全渠道) 5.1.0 with certificates (`signMethod` 01)."""
