"""Decides which hosts and addresses are public, by an explicit list: Python's own `is_global` changes between versions.

Sources: IANA's special-purpose address registries (RFC 6890 and updates), the transition mechanisms (RFC 4291, 6052, 8215,
3056, 4380, 5214), and the metadata addresses of cloud providers.
"""

from __future__ import annotations

import ipaddress
import re

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address
REFUSED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by customers of a provider; Alibaba's metadata
            "127.0.0.0/8",  # this machine
            "168.63.129.16/32",  # Azure's own
            "169.254.0.0/16",  # of one link; metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # assigned to protocols; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # multicast tunnels
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""The allocated unicast addresses. Outside are loopback, link-local, site-local, private, multicast, segment routing, mapped
and compatible addresses."""
REFUSED_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols, Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3ffe::/16",  # the former 6bone
            "3fff::/20",  # documentation
        ),
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses embedded in IPv6: the embedded address is checked. `64:ff9b:1::/48`, for local use, is not public."""
ISATAP = 0x00005EFE
PRIVATE_NAMES = re.compile(
    r"(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|arpa|metadata|instance-data)"
)
NAMES = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*", re.IGNORECASE)
MAX_NAME_CHARACTERS = 253


def is_public(address: IPv4 | IPv6) -> bool:
    """Whether an address belongs to a host on the internet."""
    if isinstance(address, IPv4):
        return not any(address in network for network in REFUSED_V4)
    if address in NAT64:
        return is_public(IPv4(int(address) & 0xFFFFFFFF))
    if address not in GLOBAL_V6 or any(address in network for network in REFUSED_V6):
        return False
    return (int(address) >> 32) & 0xFDFFFFFF != ISATAP


def parsed_address(text: str) -> IPv4 | IPv6 | None:
    """Parse an address in its usual notation; None for anything else, and for one with an interface (`%eth0`)."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def host_fault(host: str) -> str | None:
    """Return why the host of a URL is refused by its spelling alone, else None. It may still resolve to a private address."""
    address = parsed_address(host)
    if address is not None:
        return None if is_public(address) else f"{host} is not a public address"
    name = host.removesuffix(".")
    if PRIVATE_NAMES.fullmatch(name):
        return f"{host[:60]} is a private host name"
    if len(name) > MAX_NAME_CHARACTERS or not NAMES.fullmatch(name):
        return f"{host[:60]} is not a valid public host name"
    return None
