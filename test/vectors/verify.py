"""Verifies the signatures of a vault after docs/format.md: verify.py .agent-vault [SIGNER]

Checks the encoding, place and signature of every record, the chain of owners, that SIGNER (the
owner to trust) brought them all, and the digest of every age file. Prints `ok N records`, or the
first failure, with exit 1. Opens nothing: it needs no key."""
import base64, hashlib, json, os, re, sys
import ed25519

KINDS = {"vault.json": "vault", "policy.json": "policy", "agents": "agent", "groups": "group", "secrets": "secret"}


def need(truth, why):
    if not truth:
        sys.exit(f"refused: {why}")


def raw(text, length):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(data).decode().rstrip("=") == text, "a second spelling of base64")
    need(len(data) == length, "a key or signature of another length")
    return data


def signed(kind, body, signer, signature):
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = f"agent-vault/v1/{kind}\n{text}".encode()
    need(signer.startswith("ed25519:"), "no signer")
    return ed25519.verify(raw(signer[8:], 32), message, raw(signature, 64))

# The highest format that this knows, of those kinds that have more than four.
NEWEST = {"vault": 5, "policy": 5, "secret": 9, "agent": 10}
# The kinds of leases: the format that brought each, what is needed, which are lists, what else.
LEASES = {
    "github-app": (8, {"app", "installation", "endpoint"}, {"repositories", "permissions"}, set()),
    "oauth": (
        9,
        {"client", "endpoint", "auth"},
        {"scope", "resource"},
        {"revoke", "successors"},
    ),
    "vault": (9, {"endpoint", "path", "value"}, set(), {"role", "namespace"}),
    "aws-sts": (
        9,
        {"region", "endpoint", "value", "duration"},
        set(),
        {"role", "session", "external"},
    ),
}


def read(folder, path, limit):
    file = os.path.join(folder, path)
    need(os.path.isfile(file) and not os.path.islink(file), f"{path} is missing or no plain file")
    need(os.path.getsize(file) <= limit, f"{path} is too large")
    with open(file, "rb") as f:
        return f.read()


def record(folder, path, vault=None):
    data = read(folder, path, 2**20)
    r = json.loads(data)
    text = json.dumps(r, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    need(text.encode() == data, f"{path} is not in the one encoding")
    least = 3 if "rotation" in r else 2 if "use" in r else 1
    owners = [r[name] for name in ("sealedToOwners", "revokedOwners", "exposedToOwners", "removedOwners") if name in r]
    least = 5 if "policy" in (r["kind"], *r) else 4 if owners else least
    least = 7 if "tags" in r else 6 if "source" in r else least
    least = LEASES.get(r["lease"].get("kind"), (0,))[0] if "lease" in r else least
    least = 10 if "removedOwners" in r else least
    known = r["format"] == least and r.get("use") != [] and [] not in owners
    known = known and r.get("tags", "a").replace(",", "").strip() != ""
    known = known and "run" in r.get("rotation", {"run": []})
    source = r.get("source", {"store": "op", "keep": 0})
    known = known and sorted(source) == ["keep", "store"] and 0 <= source["keep"] <= 86400
    known = known and source["store"] in ("op", "aws-sm", "gcp-sm", "vault", "env", "keychain")
    known = known and lease_is_known(r)
    most = NEWEST.get(r["kind"], 4)
    need(known or r["format"] > most, f"{path} has another format than its members")
    own = (r["kind"], r["path"], r["vault"])
    need(own == (KINDS[path.split("/")[0]], path, vault or r["vault"]), f"{path} is misplaced")
    return r


def lease_is_known(r):
    if "lease" not in r:
        return True
    lease = r["lease"]
    _, needed, lists, others = LEASES.get(lease.get("kind"), (0, set(), set(), set()))
    needed = needed | {"kind"}
    whole = needed <= set(lease) <= needed | lists | others and "source" not in r
    items = [lease[name].split(",") for name in lists if name in lease]
    whole = whole and all(each == sorted(set(each)) and "" not in each for each in items)
    whole = whole and lease.get("auth", "post") in ("basic", "post")
    successors = r"ignored|agent:[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    whole = whole and re.fullmatch(successors, lease.get("successors", "ignored"))
    segments = r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*"
    paths = [lease[name] for name in ("path", "namespace") if name in lease]
    whole = whole and all(re.fullmatch(segments, each) for each in paths)
    whole = whole and re.search(r"\{[a-z][a-z0-9_]{0,63}\}", lease.get("value", "{a}"))
    if lease["kind"] == "aws-sts":
        names = {"access_key_id", "secret_access_key", "session_token", "expiration"}
        whole = whole and set(re.findall(r"\{([a-z][a-z0-9_]{0,63})\}", lease["value"])) <= names
        whole = whole and ("role" in lease or not {"session", "external"} & set(lease))
        whole = whole and re.fullmatch(r"9[0-9]{2}|[1-9][0-9]{3,5}", lease["duration"])
        whole = whole and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", lease["region"])
    https = r"https://[a-z0-9.:\[\]-]+(/[A-Za-z0-9._~-]+)*"
    addresses = [lease[name] for name in ("endpoint", "revoke") if name in lease]
    return whole and all(re.fullmatch(https, each) for each in addresses)


def owners_of(vault):
    by_signer = {o["signer"]: o for o in vault["owners"]}
    need(len(by_signer) == len(vault["owners"]), "a signer is listed twice")
    for i, o in enumerate(vault["owners"]):
        adder, end = by_signer.get(o["by"]), o.get("ended")
        need((i == 0) == (o["by"] == o["signer"]) and adder, f"{o['name']} starts no chain")
        until = adder["ended"]["until"] if "ended" in adder else float("inf")
        need(o["since"] == 1 if i == 0 else adder["since"] < o["since"] < until, "added too late")
        need(o["since"] <= vault["serial"], f"{o['name']} is from the future")
        body = {k: o[k] for k in ("name", "recipient", "signer", "since", "by")}
        body["vault"] = vault["vault"]
        need(signed("owner", body, o["by"], o["signature"]), f"the entry of {o['name']} is forged")
        post_quantum = vault["keys"] == "mlkem768x25519"
        need(o["recipient"].startswith("age1pq1") == post_quantum, "kinds of keys are mixed")
        if end:
            remover = by_signer.get(end["by"])
            need(remover and remover["since"] < end["until"], "ended by nobody")
            last = remover["ended"]["until"] if "ended" in remover else vault["serial"]
            need(o["since"] < end["until"] <= min(last, vault["serial"]), "ended at no time")
            body = {k: o[k] for k in ("signer", "since")}
            body.update(vault=vault["vault"], until=end["until"], by=end["by"])
            need(signed("owner-end", body, end["by"], end["signature"]), "an end is forged")
    return by_signer


def brought(owner, signer, by_signer):
    while owner["signer"] != signer and owner["by"] != owner["signer"]:
        owner = by_signer[owner["by"]]
    return owner["signer"] == signer


def main(folder, trust=None):
    vault = record(folder, "vault.json")
    by_signer = owners_of(vault)
    active = {s: o for s, o in by_signer.items() if "ended" not in o}
    need(trust is None or trust in active, "the trusted signer is no owner")
    for o in active.values():
        need(trust is None or brought(o, trust, by_signer), f"{o['name']} is a stranger")
    files = [os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs]
    records = [p for p in files if p.endswith(".json") and p != "policy.json"]
    digests = {}
    need(("policy" in vault) == ("policy.json" in files), "policy.json and vault.json differ")
    if "policy" in vault:
        record(folder, "policy.json", vault["vault"])
        digests["policy.json"] = vault["policy"]
    for path in records:
        r = record(folder, path, vault["vault"])
        signer = r["signature"]["signer"]
        need(signer in active, f"{path} is signed by no owner")
        body = {**r, "signature": {"signer": signer}}
        need(signed(r["kind"], body, signer, r["signature"]["ed25519"]), f"{path} is forged")
        newest = NEWEST.get(r["kind"], 4)
        need(r["format"] <= newest, f"{path} was made by a newer program")
        for field, ending in (("digest", ".age"), ("escrow", ".age"), ("past", ".past.age")):
            if field in r:
                digests[path[:-5] + ending] = r[field]
    need(set(digests) - {"policy.json"} == {p for p in files if p.endswith(".age")}, "age files and records differ")
    for path, digest in digests.items():
        data = read(folder, path, 17 * 2**20)
        need("sha256:" + hashlib.sha256(data).hexdigest() == digest, f"{path} is another file")
    print(f"ok {len(records)} records")


try:
    main(*sys.argv[1:3])
except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
    sys.exit(f"refused: malformed: {error!r}")
