"""WeChat Pay APIv3 as the gateway sees it."""
