"""MEXC's stream messages as protobuf: what `PushDataV3ApiWrapper` and the bodies it carries look like.

Field numbers are those of MEXC's published `.proto` files (github.com/mexcdevelop/websocket-proto). The
messages live in a pool of their own, so that a client in the same process may load its own definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TEXT, _INT32, _INT64, _BOOL = "text", "int32", "int64", "bool"
Fields = Mapping[str, tuple[int, str]]

_BODIES: Final[dict[str, tuple[int, Fields]]] = {
    "publicAggreDepths": (
        313,
        {
            "asks": (1, "DepthItem"),
            "bids": (2, "DepthItem"),
            "eventType": (3, _TEXT),
            "fromVersion": (4, _TEXT),
            "toVersion": (5, _TEXT),
        },
    ),
    "publicAggreDeals": (314, {"deals": (1, "DealItem"), "eventType": (2, _TEXT)}),
    "publicAggreBookTicker": (
        315,
        {
            "bidPrice": (1, _TEXT),
            "bidQuantity": (2, _TEXT),
            "askPrice": (3, _TEXT),
            "askQuantity": (4, _TEXT),
        },
    ),
    "publicSpotKline": (
        308,
        {
            "interval": (1, _TEXT),
            "windowStart": (2, _INT64),
            "openingPrice": (3, _TEXT),
            "closingPrice": (4, _TEXT),
            "highestPrice": (5, _TEXT),
            "lowestPrice": (6, _TEXT),
            "volume": (7, _TEXT),
            "amount": (8, _TEXT),
            "windowEnd": (9, _INT64),
        },
    ),
    "privateOrders": (
        304,
        {
            "id": (1, _TEXT),
            "clientId": (2, _TEXT),
            "price": (3, _TEXT),
            "quantity": (4, _TEXT),
            "amount": (5, _TEXT),
            "avgPrice": (6, _TEXT),
            "orderType": (7, _INT32),
            "tradeType": (8, _INT32),
            "isMaker": (9, _BOOL),
            "remainAmount": (10, _TEXT),
            "remainQuantity": (11, _TEXT),
            "lastDealQuantity": (12, _TEXT),
            "cumulativeQuantity": (13, _TEXT),
            "cumulativeAmount": (14, _TEXT),
            "status": (15, _INT32),
            "createTime": (16, _INT64),
        },
    ),
    "privateDeals": (
        306,
        {
            "price": (1, _TEXT),
            "quantity": (2, _TEXT),
            "amount": (3, _TEXT),
            "tradeType": (4, _INT32),
            "isMaker": (5, _BOOL),
            "isSelfTrade": (6, _BOOL),
            "tradeId": (7, _TEXT),
            "clientOrderId": (8, _TEXT),
            "orderId": (9, _TEXT),
            "feeAmount": (10, _TEXT),
            "feeCurrency": (11, _TEXT),
            "time": (12, _INT64),
        },
    ),
    "privateAccount": (
        307,
        {
            "vcoinName": (1, _TEXT),
            "coinId": (2, _TEXT),
            "balanceAmount": (3, _TEXT),
            "balanceAmountChange": (4, _TEXT),
            "frozenAmount": (5, _TEXT),
            "frozenAmountChange": (6, _TEXT),
            "type": (7, _TEXT),
            "time": (8, _INT64),
        },
    ),
}
_ITEMS: Final[dict[str, Fields]] = {
    "DepthItem": {"price": (1, _TEXT), "quantity": (2, _TEXT)},
    "DealItem": {"price": (1, _TEXT), "quantity": (2, _TEXT), "tradeType": (3, _INT32), "time": (4, _INT64)},
}
_HEAD: Final[Fields] = {
    "channel": (1, _TEXT),
    "symbol": (3, _TEXT),
    "createTime": (5, _INT64),
    "sendTime": (6, _INT64),
}
_WRAPPER: Final = "PushDataV3ApiWrapper"


def encode(channel: str, kind: str, body: Mapping[str, Any], *, symbol: str, at: int) -> bytes:
    """A push as MEXC sends it. `kind` names the body, `at` is in milliseconds.

    Raises ValueError for a body or a field that MEXC does not have.
    """
    return bytes(
        _message()(
            **{"channel": channel, "symbol": symbol, "createTime": at, "sendTime": at, kind: body}
        ).SerializeToString()
    )


@cache
def _message() -> Any:
    """The class of the wrapper."""
    file = descriptor_pb2.FileDescriptorProto(name="mexc.proto", syntax="proto3")
    for name, fields in _ITEMS.items():
        _add(file, name, fields)
    for name, (_, fields) in _BODIES.items():
        _add(file, _type_of(name), fields)
    wrapper = _add(file, _WRAPPER, _HEAD)
    wrapper.oneof_decl.add(name="body")
    for name, (number, _) in _BODIES.items():
        wrapper.field.add(
            name=name,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
            type_name=f".{_type_of(name)}",
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
            oneof_index=0,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(_WRAPPER))


def _type_of(body: str) -> str:
    return f"{body[0].upper()}{body[1:]}V3Api"


def _add(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: Fields
) -> descriptor_pb2.DescriptorProto:
    kinds = descriptor_pb2.FieldDescriptorProto
    plain = {
        _TEXT: kinds.TYPE_STRING,
        _INT32: kinds.TYPE_INT32,
        _INT64: kinds.TYPE_INT64,
        _BOOL: kinds.TYPE_BOOL,
    }
    made = file.message_type.add(name=name)
    for field, (number, kind) in fields.items():
        if kind in plain:
            made.field.add(name=field, number=number, type=plain[kind], label=kinds.LABEL_OPTIONAL)
        else:
            made.field.add(
                name=field,
                number=number,
                type=kinds.TYPE_MESSAGE,
                type_name=f".{kind}",
                label=kinds.LABEL_REPEATED,
            )
    return made
