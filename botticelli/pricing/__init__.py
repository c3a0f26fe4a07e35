"""Knows what models cost: rates, price lists, and what settings change in them. Calls no provider."""

from botticelli.pricing.known_price import UNKNOWN_PRICE, KnownPrice
from botticelli.pricing.price import SERVICES, STANDARD, Charge, ModelPrice
from botticelli.pricing.price_catalogue import Catalogue
from botticelli.pricing.rates import TOKEN_FIELDS, Rates, TokenCounts, plain_decimal, recomputed_cost_usd
from botticelli.pricing.set_price import SET_NAMES, SetPrice, with_set_price

__all__ = [
    "SERVICES",
    "SET_NAMES",
    "STANDARD",
    "TOKEN_FIELDS",
    "UNKNOWN_PRICE",
    "Catalogue",
    "Charge",
    "KnownPrice",
    "ModelPrice",
    "Rates",
    "SetPrice",
    "TokenCounts",
    "plain_decimal",
    "recomputed_cost_usd",
    "with_set_price",
]
