from __future__ import annotations

from pathlib import Path

from sandbox.alipay.accounts import Accounts as AlipayAccounts
from sandbox.unionpay.accounts import Merchants
from sandbox.wechatpay.accounts import Accounts as WechatpayAccounts

DEFAULT_URL = "http://127.0.0.1:8900"


def ensure(state_dir: Path, *, seed: int | None = None, public_url: str = DEFAULT_URL) -> dict[str, dict[str, str]]:
    """
    Give the credentials of each gateway's first account, making them if the folder has none; needs no server.

    :param seed: the same seed makes the same keys in any new folder; an existing folder keeps what it has
    :param public_url: where the server will be found
    """
    url = public_url.rstrip("/")
    unionpay = Merchants(state_dir, seed=seed)
    return {
        "alipay": AlipayAccounts(state_dir, seed=seed).first.credentials(public_url=url),
        "wechatpay": WechatpayAccounts(state_dir, seed=seed).first.credentials(public_url=url),
        "unionpay": unionpay.credentials(unionpay.first, public_url=url),
    }
