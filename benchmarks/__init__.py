"""What things cost, beside the least they could cost on the same machine and in the same run. README.md tells more."""
