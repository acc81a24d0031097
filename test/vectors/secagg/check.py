#!/usr/bin/env python3
"""Checks the frozen transcripts from the words of protocol/SPEC.md, chapter 11, and shares no code with Hanse.

Needs the package `cryptography` (OpenSSL). Prints a line for each transcript and ends with 1 if one is wrong.
"""
import hashlib
import json
import math
import pathlib
import struct
import sys
from decimal import Decimal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

unhex = bytes.fromhex


def number(value):
    """As ECMAScript writes it."""
    if isinstance(value, int) or value == int(value) and abs(value) < 1e21:
        return str(int(value))
    if abs(value) >= 1e-6:
        return format(Decimal(repr(value)), 'f')
    mantissa, exponent = repr(value).split('e')
    return f'{mantissa}e{int(exponent)}'


def jcs(value):
    if isinstance(value, dict):
        return '{' + ','.join(jcs(k) + ':' + jcs(value[k]) for k in sorted(value)) + '}'
    if isinstance(value, list):
        return '[' + ','.join(map(jcs, value)) + ']'
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def sha256(data):
    return hashlib.sha256(data).digest()


def labelled(label, *parts):
    return b'HSA1 ' + label.encode() + b'\0' + b''.join(parts)


def H(label, *parts):
    return sha256(labelled(label, *parts))


def is_signed(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except InvalidSignature:
        return False


def agree(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def derive(secret, public, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(agree(secret, public))


def hchacha20(key, nonce):
    x = list(struct.unpack('<16I', b'expand 32-byte k' + key + nonce))

    def quarter(a, b, c, d):
        for to, by, mix, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = x[to] + x[by] & 0xFFFFFFFF
            x[mix] ^= x[to]
            x[mix] = (x[mix] << turn | x[mix] >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return struct.pack('<8I', *x[:4], *x[12:])


def unseal(key, sealed, associated):
    """XChaCha20-Poly1305 under a nonce of 24 zero bytes."""
    return ChaCha20Poly1305(hchacha20(key, bytes(16))).decrypt(bytes(12), sealed, associated)


def times(a, b):
    product = 0
    while b:
        product ^= a * (b & 1)
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def combine(shares):
    """The value at 0 of the polynomial through (place, bytes)."""
    secret = bytearray(32)
    for x, share in shares:
        above, below = 1, 1
        for y, _ in shares:
            if y != x:
                above, below = times(above, y), times(below, x ^ y)
        inverse = next(i for i in range(1, 256) if times(i, below) == 1)
        factor = times(above, inverse)
        for i, byte in enumerate(share):
            secret[i] ^= times(byte, factor)
    return bytes(secret)


def members(bits, count):
    assert len(bits) == math.ceil(count / 8)
    return [i for i in range(8 * len(bits)) if bits[i >> 3] >> (i & 7) & 1]


def mask(suite, seed, width, length, second):
    """11.4: what is added to each integer."""
    half = 2 if width == 16 else 1
    words = -(-length // half)
    size = 4 * (words + second)
    if suite == 1:
        cipher = Cipher(algorithms.AES(seed), modes.CTR(bytes(16)))
    else:
        cipher = Cipher(algorithms.ChaCha20(seed, bytes(16)), None)
    stream = cipher.encryptor().update(bytes(size))
    form = '<%dH' if half == 2 else '<%dI'
    coordinates = struct.unpack(form % (words * half), stream[: 4 * words])[:length]
    return list(coordinates) + list(struct.unpack('<%dI' % second, stream[4 * words :]))


def unpack(body, width, length, second):
    """5.1, 5.3, 5.4: the integers of a vector of kind 2."""
    magic, version, kind, b, d, s = struct.unpack('<4sHBBII', body[:16])
    assert (magic, version, kind, b, d, s) == (b'HNSV', 1, 2, width, length, second)
    assert body[16:64] == bytes(48)
    size = 4 * -(-length * width // 32)
    bits = int.from_bytes(body[64 : 64 + size], 'little')
    assert bits >> (length * width) == 0 and len(body) == 64 + size + 4 * second
    coordinates = [bits >> (i * width) & ((1 << width) - 1) for i in range(length)]
    return coordinates + list(struct.unpack('<%dI' % second, body[64 + size :]))


def tree(leaves):
    """RFC 9162, 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b'\1' + tree(leaves[:k]) + tree(leaves[k:]))


def path(leaves, m):
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m < k:
        return path(leaves[:k], m) + [tree(leaves[k:])]
    return path(leaves[k:], m - k) + [tree(leaves[:k])]


def check(transcript):
    inputs, secrets, contexts = (transcript[name] for name in ('inputs', 'secrets', 'contexts'))
    M = transcript['messages']
    manifest = inputs['manifest']
    coordinator = raw(Ed25519PrivateKey.from_private_bytes(unhex(inputs['coordinatorSeed'])).public_key())

    # M0
    descriptor = M['M0']['descriptor']
    text = jcs(descriptor).encode()
    rid = H('rid', text)
    assert rid.hex() == contexts['rid']
    assert is_signed(coordinator, unhex(M['M0']['signature']), labelled('descriptor', text))
    assert descriptor['manifestSha256'] == sha256(jcs(manifest).encode()).hex()
    assert descriptor['coordinatorKey'] == coordinator.hex()
    for name in ('jobId', 'round', 'attempt', 'model'):
        assert descriptor[name] == inputs[name]
    size = manifest['cohort']['size'] + manifest['cohort'].get('extra', 0)
    t = descriptor['threshold']
    assert t == 2 * size // 3 + 1 and descriptor['degree'] is None
    assert descriptor['survivorsMinimum'] == descriptor['rosterMinimum'] == max(t, manifest['cohort']['minimum'])
    suite, width, length = descriptor['suite'], descriptor['width'], descriptor['parameters']
    second = 1 + manifest['codec']['counters']

    # M1, M2
    roster = M['M2']['members']
    ids = [entry['nodeId'] for entry in roster]
    count = len(ids)
    assert ids == sorted(set(ids)) == sorted(M['M1']) and roster == [M['M1'][node] for node in ids]
    for entry, participant in zip(roster, inputs['participants']):
        public, channel, masking, nonce = (
            unhex(entry[name]) for name in ('publicKey', 'channelKey', 'maskKey', 'nonce')
        )
        assert public == raw(Ed25519PrivateKey.from_private_bytes(unhex(participant['seed'])).public_key())
        assert entry['nodeId'] == sha256(b'HSA1 pid\0' + public)[:16].hex()
        statement = labelled('advertise', rid, public, channel, masking, nonce)
        assert is_signed(public, unhex(entry['signature']), statement)
        for secret, key in (('channelSecret', channel), ('maskSecret', masking)):
            mine = X25519PrivateKey.from_private_bytes(unhex(secrets[entry['nodeId']][secret]))
            assert raw(mine.public_key()) == key
    root = sha256(jcs(roster).encode())
    assert is_signed(coordinator, unhex(M['M2']['signature']), labelled('roster', rid, root))
    ctx = H('ctx', rid, root)
    assert ctx.hex() == contexts['ctx']

    # M3, M4
    held = {}
    sets = math.ceil(count / 8)
    for node, text in M['M3'].items():
        dealer, bundle, own = ids.index(node), unhex(text), secrets[node]
        assert bundle[:32] == H('cb', ctx, unhex(node), unhex(own['seed']))
        chosen = members(bundle[32 : 32 + sets], count)
        assert chosen == [i for i in range(count) if i != dealer]
        assert len(bundle) == 32 + sets + 81 * len(chosen)
        for i, holder in enumerate(chosen):
            record = bundle[32 + sets + 81 * i :][:81]
            reader = roster[holder]
            pair = unhex(node) + unhex(reader['nodeId'])
            secret = unhex(secrets[reader['nodeId']]['channelSecret'])
            key = derive(secret, unhex(roster[dealer]['channelKey']), ctx, labelled('share', pair))
            plain = unseal(key, record, labelled('share', ctx, pair))
            assert plain[0] == holder + 1
            held[dealer, holder] = (plain[1:33], plain[33:], record)
        for which, name in ((0, 'seed'), (1, 'maskSecret')):
            some = [(holder + 1, held[dealer, holder][which]) for holder in chosen[-t:]]
            assert combine(some).hex() == own[name]
    delivered = sorted(ids.index(node) for node in M['M3'])
    for node, text in M['M4'].items():
        reader, delivery = ids.index(node), unhex(text)
        senders = [dealer for dealer in delivered if dealer != reader]
        assert members(delivery[:sets], count) == delivered
        assert members(delivery[sets : 2 * sets], count) == senders
        assert delivery[2 * sets :] == b''.join(held[dealer, reader][2] for dealer in senders)
        ctx2 = H('ctx2', ctx, delivery[:sets])
        assert ctx2.hex() == contexts['ctx2']

    # M5
    def pair_seed(mine, other):
        lower, higher = sorted((ids[mine], ids[other]))
        info = labelled('mask', unhex(lower), unhex(higher))
        return derive(unhex(secrets[ids[mine]]['maskSecret']), unhex(roster[other]['maskKey']), ctx2, info)

    moduli = [1 << width] * length + [1 << 32] * second
    survivors = sorted(ids.index(node) for node in M['M5'])
    leaves = []
    for own in survivors:
        upload, participant = M['M5'][ids[own]], inputs['participants'][own]
        body = unhex(upload['body'])
        statement = labelled('upload', ctx2, unhex(ids[own]), sha256(body))
        assert is_signed(unhex(roster[own]['publicKey']), unhex(upload['signature']), statement)
        leaves.append(sha256(b'\0' + unhex(ids[own]) + sha256(body)))
        masked = participant['coordinates'] + [participant['weight']]
        masks = [(1, unhex(secrets[ids[own]]['seed']))]
        masks += [(1 if own < other else -1, pair_seed(own, other)) for other in delivered if other != own]
        for sign, seed in masks:
            masked = [y + sign * m for y, m in zip(masked, mask(suite, seed, width, length, second))]
        assert unpack(body, width, length, second) == [y % n for y, n in zip(masked, moduli)]

    # M6, M7, M8
    upload_root = tree(leaves)
    for i, own in enumerate(survivors):
        told = M['M6'][ids[own]]
        assert members(unhex(told['members']), count) == survivors
        assert unhex(told['root']) == upload_root and list(map(unhex, told['proof'])) == path(leaves, i)
    agreed = labelled('u3', ctx2, unhex(M['M10']['record']['survivors']), upload_root)
    consents = {node: consent['signature'] for node, consent in M['M7'].items()}
    for node, signature in consents.items():
        assert is_signed(unhex(roster[ids.index(node)]['publicKey']), unhex(signature), agreed)
    certified = M['M8']['consents']
    assert len({c['nodeId'] for c in certified}) == len(certified) >= t
    assert all(consents[c['nodeId']] == c['signature'] for c in certified)

    # M9: shares of the seeds of survivors and of the mask secrets of the others, from which M10 has the secrets
    record = M['M10']['record']
    own_shares = {}
    for place, dealer in enumerate(delivered):
        which = 0 if dealer in survivors else 1
        shares = []
        for node, text in M['M9'].items():
            holder, answer = ids.index(node), unhex(text)
            assert len(answer) == 32 * len(delivered)
            share = answer[32 * place : 32 * place + 32]
            if holder == dealer:
                own_shares[dealer] = share
            else:
                assert share == held[dealer, holder][which]
            shares.append((holder + 1, share))
        secret = secrets[ids[dealer]]['seed' if which == 0 else 'maskSecret']
        assert record['revealed'][place] == secret == combine(shares[:t]).hex() == combine(shares[-t:]).hex()

    # M10 and the sum
    assert is_signed(coordinator, unhex(M['M10']['signature']), labelled('record', jcs(record).encode()))
    assert (record['descriptor'], record['roster'], record['certificate']) == (M['M0'], M['M2'], M['M8'])
    assert members(unhex(record['delivered']), count) == delivered
    assert members(unhex(record['survivors']), count) == survivors
    assert unhex(record['root']) == upload_root
    for own, update in zip(survivors, record['updates'], strict=True):
        upload = M['M5'][ids[own]]
        assert update == {'sha256': sha256(unhex(upload['body'])).hex(), 'signature': upload['signature']}
    opened = [0] * (length + second)
    for own in survivors:
        opened = [a + b for a, b in zip(opened, unpack(unhex(M['M5'][ids[own]]['body']), width, length, second))]
    for dealer in delivered:
        if dealer in survivors:
            left = [(1, unhex(secrets[ids[dealer]]['seed']))]
        else:
            left = [(1 if other < dealer else -1, pair_seed(dealer, other)) for other in survivors]
        for sign, seed in left:
            opened = [a - sign * m for a, m in zip(opened, mask(suite, seed, width, length, second))]
    opened = [a % n for a, n in zip(opened, moduli)]
    stored = unhex(transcript['sum'])
    rows = [p['coordinates'] + [p['weight']] for i, p in enumerate(inputs['participants']) if i in survivors]
    assert unpack(stored, width, length, second) == opened
    assert opened == [sum(column) % n for column, n in zip(zip(*rows), moduli)]
    assert record['sum'] == sha256(stored).hex()
    return f'{count} in the roster, {len(delivered)} delivered, {len(survivors)} survivors'


wrong = 0
for name in sys.argv[1:] or ['complete', 'dropouts']:
    file = pathlib.Path(__file__).with_name(f'{name}.json')
    try:
        print(f'{name}: {check(json.loads(file.read_text()))}: right')
    except Exception as error:
        line = error.__traceback__.tb_next and error.__traceback__.tb_next.tb_lineno
        print(f'{name}: wrong at line {line}: {type(error).__name__} {error}')
        wrong = 1
sys.exit(wrong)
