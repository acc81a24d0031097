#!/usr/bin/env python3
"""Verifies an exported audit log of Hanse by SPEC.md chapter 13 and C2SP, sharing no code with it.

Checks the checkpoint, its cosignatures and their quorum; every entry and tile up to the root; that entries are canonical
(RFC 8785) and agree about rounds; that content has the hash of its name; that records of secure rounds are signed, and say
what entries say; and that each model follows from the one before and the opened sum, to the bit, where the strategy is fedavg
or fedavgm and the codec has no rotation. Others, and plain rounds, are followed by hashes alone; no sum is made again from
masked updates: `hanse audit verify` does. Exit code 0 verified, 1 not verified, 2 usage, 3 a package is missing."""
import argparse, array, base64, decimal, hashlib, json, os, re, struct, sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("missing: the Python package cryptography (apt install python3-cryptography)")
    sys.exit(3)
class Fault(Exception):
    """Something is wrong, and perhaps in which leaf."""
WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, struct.error, OSError)
def need(holds, why, leaf=None):
    if not holds:
        raise Fault(why if leaf is None else f"leaf {leaf}: {why}")
def signed(key, signature, message):
    try:
        return Ed25519PublicKey.from_public_bytes(key).verify(signature, message) is None
    except (InvalidSignature, ValueError):
        return False
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def read(folder, path, most=1 << 31):
    at = os.path.join(folder, path)
    is_plain = os.path.isfile(at) and os.path.realpath(at) == os.path.join(os.path.realpath(folder), path)
    need(is_plain and os.path.getsize(at) <= most, f"{path} is not there, no plain file, or too large")
    with open(at, "rb") as file:
        return file.read()

def base64_of(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 that is not canonical")
    return data

# Keys, notes, witnesses: C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy.
def parse_key(text, kind):
    match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text)
    need(match, "a verifier key is none")
    name, key_id, material = match[1], bytes.fromhex(match[2]), base64_of(match[3])
    is_right = len(material) == 33 and material[0] == kind and sha256(name.encode(), b"\n", material)[:4] == key_id
    need(is_right, "a verifier key is of another type, or its id is not its own")
    return name, key_id, material[1:]
def parse_note(note):
    text, _, lines = note.rpartition("\n\n")
    need(text and re.fullmatch("(\u2014 [^+\\s]+ [A-Za-z0-9+/=]+\n)+", lines), "the checkpoint is no signed note")
    signatures = [(name, base64_of(data)) for _, name, data in map(str.split, lines.splitlines())]
    return text + "\n", lambda name, key_id: [s[4:] for n, s in signatures if (n, s[:4]) == (name, key_id)]

def check_witnesses(policy, text, signatures_of):
    holds, seen, quorum = {"none": True}, [], None
    for line in policy.split("\n"):
        word, *rest = line.split() or ["#"]
        if word == "witness":
            name, key_id, key = parse_key(rest[1], 4)
            for line in signatures_of(name, key_id):
                time = int.from_bytes(line[:8], "big")
                is_signed = time > 0 and signed(key, line[8:], f"cosignature/v1\ntime {time}\n{text}".encode())
                need(is_signed, f"a cosignature of {name} is wrong")
            seen.append(bool(signatures_of(name, key_id)))
            holds[rest[0]] = seen[-1]
        elif word == "group":
            least = {"all": len(rest) - 2, "any": 1}.get(rest[1]) or int(rest[1])
            holds[rest[0]] = 0 < least <= sum(holds[member] for member in rest[2:])
        elif word == "log":
            parse_key(rest[0], 1)
        else:
            need(word == "quorum" or word.startswith("#"), "the witness policy is none")
            quorum = rest[0] if word == "quorum" else quorum
    need(holds[quorum], f"no quorum: {sum(seen)} of {len(seen)} witnesses have seen the checkpoint")
    return sum(seen), len(seen)

# The tree: RFC 6962 over C2SP tlog-tiles.
def tile_path(level, index, width):
    groups = [f"{index // 1000 ** i % 1000:03}" for i in range((len(str(index)) + 2) // 3)][::-1]
    path = "/".join(["tile", str(level), *("x" + group for group in groups[:-1]), groups[-1]])
    return path if width == 256 else f"{path}.p/{width}"

def verified_entries(folder, size, root):
    """Yields (leaf, entry) where the entry has its hash. At the end, all have led to the root through every tile."""
    whole, tiles = [], {}
    def stored(level, place):
        index = place // 256
        if tiles.get(level, [None])[0] != index:
            width = min(256, (size >> 8 * level) - 256 * index)
            tiles[level] = index, read(folder, tile_path(level, index, width), 8192)
            need(len(tiles[level][1]) == 32 * width, "a tile is cut or padded", place << 8 * level)
        return tiles[level][1][place % 256 * 32:][:32]
    for leaf in range(size):
        if leaf % 256 == 0:
            bundle, end = read(folder, tile_path("entries", leaf // 256, min(256, size - leaf)), 256 * 65537), 0
        at, end = end + 2, end + 2 + int.from_bytes(bundle[end:end + 2], "big")
        need(at <= len(bundle) and end <= len(bundle), "its entry is cut", leaf)
        got, height = sha256(b"\0", bundle[at:end]), 0
        need(got == stored(0, leaf), "its entry is not the one of its hash", leaf)
        while leaf >> height & 1:
            got, height = sha256(b"\1", whole.pop(), got), height + 1
            if height % 8 == 0:
                need(got == stored(height // 8, leaf >> height), "a tile above has another hash", leaf >> height << height)
        whole.append(got)
        need(end == len(bundle) or leaf % 256 < 255 and leaf + 1 < size, "a bundle is padded", leaf)
        yield leaf, bundle[at:end]
    got = whole.pop() if whole else sha256()
    while whole:
        got = sha256(b"\1", whole.pop(), got)
    need(got == root, "the tiles do not lead to the signed root")

# Canonical JSON: RFC 8785, numbers as ECMAScript writes them.
def number(value):
    if value == 0:
        return "0"
    minus, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    point, digits, sign = len(digits) + exponent, "".join(map(str, digits)), "-" * minus
    if 0 < point <= 21:
        return f"{sign}{digits[:point].ljust(point, '0')}{'.' * (len(digits) > point)}{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e{point - 1:+}"
def canonical(value):
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return number(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
def parse(data, what, leaf):
    value = json.loads(data, parse_int=float)
    need(canonical(value).encode() == data, f"{what} is not in its canonical form", leaf)
    return value

# Models and sums: SPEC.md 5.1, 5.4, 5.8, 7.2.
def next_model(model, velocity, opened, manifest):
    """w + eta * v with the mean as v, or with momentum v <- beta * v + mean in float32. Returns both."""
    codec, eta, beta = manifest["codec"], manifest["strategy"]["serverLearningRate"], manifest["strategy"].get("momentum")
    width, length, lot, grid = opened[7], len(model), codec.get("lot"), codec["grid"]
    packed = 4 * ((length * width + 31) // 32)
    weight = struct.unpack_from("<I", opened, 64 + packed)[0]
    factor = grid / (lot["rate"] * weight) if lot else grid * codec["weightMax"] / weight
    half, values, moved = 1 << (width - 1), array.array("f"), array.array("f")
    for first in range(0, length, 32):  # so many fill whole words, whatever the width
        bits = int.from_bytes(opened[64 + first * width // 8:64 + min(packed, (first + 32) * width // 8)], "little")
        for i in range(first, min(length, first + 32)):
            mean = (((bits >> (i - first) * width & (2 * half - 1)) ^ half) - half) * factor
            if beta is not None:
                moved.append(beta * velocity[i] + mean)
            values.append(model[i] + eta * (mean if beta is None else moved[i]))
    return values, moved
def hash_of(values):
    payload = values.tobytes()
    return sha256(struct.pack("<4sHBBII", b"HNSV", 1, 1, 32, len(values), 0), sha256(payload), bytes(16), payload).hex()

def content_of(folder, sha):
    if not os.path.lexists(os.path.join(folder, "content", sha)):
        return None
    data = read(folder, f"content/{sha}")
    need(sha256(data).hex() == sha, f"content/{sha} has another hash than its name")
    return data

class Job:
    def __init__(self, folder, data, leaf):
        self.name, self.sha256, self.folder, self.attempts = data["jobId"], data["manifestSha256"], folder, {}
        manifest = content_of(folder, self.sha256)
        self.manifest = manifest and parse(manifest, "the manifest", leaf)
        self.model, self.state = self.manifest and self.manifest["initialModel"], None
        self.made = self.followed = self.released = 0
    def aggregated(self, data, leaf, key):
        attempt = (data["round"], data["attempt"])
        need(attempt not in self.attempts, "an attempt is aggregated twice", leaf)
        self.attempts[attempt] = data["model"], None
        record = data.get("record") and content_of(self.folder, data["record"])
        if not record or not self.manifest:
            return
        said, signature = (parse(record, "the record", leaf)[name] for name in ("record", "signature"))
        statement = b"HSA1 record\0" + canonical(said).encode()
        need(signed(key, bytes.fromhex(signature), statement), "the record is not signed", leaf)
        of = said["descriptor"]["descriptor"]
        need((of["jobId"], of["round"], of["attempt"], of["manifestSha256"], of["model"], said["sum"], said["nextModel"])
             == (self.name, *attempt, self.sha256, self.model, data["sum"], data["model"]), "the record is another", leaf)
        self.attempts[attempt], self.followed = (data["model"], said["strategyState"]), self.followed + 1
        contents = [content_of(self.folder, sha) for sha in (self.model, data["sum"], self.state) if sha]
        is_other = {"rotation", "adaptive"} & set(self.manifest["codec"])
        if None in contents or is_other or self.manifest["strategy"]["type"] not in ("fedavg", "fedavgm"):
            return
        model, *velocity = (array.array("f", content[64:]) for content in contents[::2])
        values, moved = next_model(model, *(velocity or [[0.0] * len(model)]), contents[1], self.manifest)
        need(hash_of(values) == data["model"], "the model does not follow from the sum", leaf)
        need((hash_of(moved) if moved else None) == said["strategyState"], "nor does the momentum", leaf)
        self.made += 1
    def release(self, data, leaf):
        model, state = self.attempts[data["round"], data["attempt"]]
        need((data["round"], data["model"]) == (self.released + 1, model), "released out of turn, or not aggregated", leaf)
        self.released, self.model, self.state = data["round"], model, state

def check_entry(folder, leaf, event, jobs, places):
    data, kind, (stream, _, place) = event["data"], event["type"], event["id"].rpartition("/")
    before, places[stream] = places.get(stream, -(stream != "notes")), int(place)
    need(0 < int(place) - before <= (1 if stream == "notes" else 1 << 53), "an event is out of order, or a note missing", leaf)
    if kind == "hanse.federation.created":
        need("/key" not in places, "a federation is founded twice", leaf)
        places["/key"] = bytes.fromhex(data["coordinatorKey"])
    elif kind == "hanse.job.created":
        need(data["jobId"] not in jobs, "a job is created twice", leaf)
        jobs[data["jobId"]] = Job(folder, data, leaf)
    elif kind == "hanse.round.aggregated":
        jobs[data["jobId"]].aggregated(data, leaf, places["/key"])
    elif kind == "hanse.round.released":
        jobs[data["jobId"]].release(data, leaf)

def verify(folder, key=None, policy=None):
    text = lambda path: read(folder, path, 1 << 20).decode()
    key = open(key).read() if key and os.path.exists(key) else key or text("log.vkey")
    name, key_id, public = parse_key(key.removesuffix("\n"), 1)
    body, signatures_of = parse_note(text("checkpoint"))
    origin, size, root = re.fullmatch(r"([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/=]{44})\n(?:[^\n]+\n)*", body).groups()
    need(origin == name, "the checkpoint is of another log")
    is_signed = [signed(public, line, body.encode()) for line in signatures_of(name, key_id)]
    need(is_signed and all(is_signed), "the log has not signed the checkpoint")
    seen, witnesses = check_witnesses(policy or text("witness-policy"), body, signatures_of)
    size, root = int(size), base64_of(root)
    print(f"{origin}: {size} entries, seen by {seen} of {witnesses} witnesses\nroot {root.hex()}")
    # Twice: nothing that entries say is believed before all of them have led to the root.
    need(sum(1 for _ in verified_entries(folder, size, root)) == size, "entries are missing")
    jobs, places = {}, {}
    for leaf, entry in verified_entries(folder, size, root):
        try:
            check_entry(folder, leaf, parse(entry, "its entry", leaf), jobs, places)
        except WRONG as error:
            raise Fault(f"leaf {leaf}: {type(error).__name__}: {error}")
    content = os.path.join(folder, "content")
    for name in sorted(os.listdir(content)) if os.path.isdir(content) else []:
        content_of(folder, name)
    for job in jobs.values():
        print(f"{job.name}: {job.released:.0f} released, {job.followed} records checked, {job.made} models made again")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    helps = {"folder": "an exported log", "--key": "of the log, or its file", "--policy": "file of its witnesses"}.items()
    asked = [parser.add_argument(name, help=text) for name, text in helps] and parser.parse_args()
    try:
        verify(asked.folder, asked.key, asked.policy and open(asked.policy).read())
        print("verified")
    except (Fault, *WRONG) as fault:
        sys.exit(print(f"not verified: {fault if isinstance(fault, Fault) else repr(fault)}") or 1)
