"""Several engines at work on one ledger, on this machine or on many, held together by Ray."""
