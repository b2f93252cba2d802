"""Turns a finished run into a Markdown page and a JSON value."""

import statistics

from configurations import NAMES


def quantile(figures, share):
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def throughput(run):
    """(set, threads, peer) -> the configuration of that peer with the best time, its best and median seconds."""
    found = {}
    for (configuration, name), seconds in run.seconds.items():
        key = name, configuration.threads, configuration.peer
        if key not in found or min(seconds) < found[key]["best_s"]:
            found[key] = {
                "configuration": configuration.label, "batch": run.chosen[configuration, name],
                "best_s": min(seconds), "median_s": statistics.median(seconds), "seconds": seconds,
                "cpu_s": min(run.cpu.get((configuration, name), [0.0])),
            }
    for (name, threads, _), entry in found.items():
        facts = run.facts[name]
        entry["texts_per_s"] = facts["texts"] / entry["best_s"]
        entry["median_texts_per_s"] = facts["texts"] / entry["median_s"]
        if entry["cpu_s"]:
            entry["texts_per_cpu_s"] = facts["texts"] / entry["cpu_s"]
        if threads in run.peaks:
            entry["share_of_peak"] = facts["flops"] / entry["best_s"] / 1e9 / max(run.peaks[threads])[0]
    return found


def latency(run):
    """(text, threads, peer) -> p50 and p99 in ms of the peer's best configuration on at most that many threads."""
    found = {}
    for (configuration, label), figures in run.latency.items():
        entry = {"configuration": configuration.label, "p50_ms": quantile(figures, 0.5), "p99_ms": quantile(figures, 0.99), "least_ms": min(figures), "runs": len(figures)}
        for threads in [t for t in run.args.threads if t >= configuration.threads]:
            key = label, threads, configuration.peer
            if key not in found or entry["p50_ms"] < found[key]["p50_ms"]:
                found[key] = entry
    return found


def peers_of(run):
    return [p for p in NAMES if p in run.versions]


def rival(found, first, threads, peers, figure, best):
    """The best peer other than Contexture, by `figure`; None where no peer has one."""
    offered = [(found[first, threads, p][figure], p) for p in peers if p != "contexture" and (first, threads, p) in found]
    return best(offered)[1] if offered else None


def row(cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def heading(cells):
    return [row(cells), row(["---"] * len(cells))]


def throughput_lines(run, found, peers):
    others = [p for p in peers if p != "contexture"]
    lines = heading(["set", "threads", *(NAMES[p] for p in peers), "best peer", "Contexture / best peer", "by medians", "share of peak: Contexture", "best peer"])
    for name in run.sets:
        for threads in run.args.threads:
            own, best = found.get((name, threads, "contexture")), rival(found, name, threads, others, "texts_per_s", max)
            other = found.get((name, threads, best))
            cells = [name, threads] + [f"{found[name, threads, p]['texts_per_s']:.1f}" if (name, threads, p) in found else "" for p in peers]
            cells.append(NAMES.get(best, ""))
            for figure in ("texts_per_s", "median_texts_per_s"):
                cells.append(f"{own[figure] / other[figure]:.2f}" if own and other else "")
            cells += [f"{e['share_of_peak']:.0%}" if e and "share_of_peak" in e else "" for e in (own, other)]
            lines.append(row(cells))
    return lines


def processor_lines(run, found, peers):
    """What one thread would do undisturbed, judged by processor time: worth a look where the machine was busy."""
    lines = heading(["set", "texts per second of processor time, 1 thread:", *(NAMES[p] for p in peers)])
    for name in run.sets:
        entries = [found.get((name, 1, p), {}) for p in peers]
        lines.append(row([name, "", *(f"{e['texts_per_cpu_s']:.1f}" if "texts_per_cpu_s" in e else "" for e in entries)]))
    return lines


def latency_lines(run, found, peers):
    others = [p for p in peers if p != "contexture"]
    lines = heading(["one text, p50 / p99 ms", "threads", *(NAMES[p] for p in peers), "best peer", "Contexture / best peer"])
    for label in run.single:
        for threads in run.args.threads:
            own, best = found.get((label, threads, "contexture")), rival(found, label, threads, others, "p50_ms", min)
            cells = [label, threads]
            for peer in peers:
                entry = found.get((label, threads, peer))
                cells.append(f"{entry['p50_ms']:.2f} / {entry['p99_ms']:.2f}" if entry else "")
            cells.append(NAMES.get(best, ""))
            cells.append(f"{own['p50_ms'] / found[label, threads, best]['p50_ms']:.2f}" if own and best else "")
            lines.append(row(cells))
    return lines


def profile_lines(run):
    """Share of the thread time of a run that each stage takes; what the stages leave is idle or not counted."""
    stages = list(dict.fromkeys(stage for p in run.profiles.values() for stage in p["stages"]))
    lines = heading(["Contexture's time", "threads", *stages, "rest"])
    for (configuration, name), profile in run.profiles.items():
        whole = profile["seconds"] * configuration.threads
        shares = [profile["stages"].get(stage, 0.0) / whole for stage in stages]
        lines.append(row([name, configuration.threads, *(f"{s:.1%}" for s in [*shares, 1 - sum(shares)])]))
    return lines


def version_lines(run):
    for peer in peers_of(run):
        said = run.versions[peer]
        details = ", ".join(f"{k} {v}" for k, v in said.get("details", {}).items())
        yield f"- {NAMES[peer]} {said['version']}" + (f" ({details})" if details else "")


def peak_lines(run):
    for threads, seen in sorted(run.peaks.items()):
        gflops, what = max(seen)
        kind = "" if what.startswith("Contexture") else "; a lower bound, the machine may do more"
        yield f"- f32 peak on {threads} thread{'s' * (threads > 1)}: {gflops:.0f} GFLOP/s ({what}{kind})"


def markdown(run, facts, took_s):
    """The page, and the same figures and more as plain data."""
    peers, speed, single = peers_of(run), throughput(run), latency(run)
    noisy = f"{run.disturbed} of {run.timed} one-thread runs had the processor for less than 95 % of their time"
    lines = [
        "# Contexture beside its peers", "",
        f"all-MiniLM-L6-v2, float32, tokenisation counted, texts per second (best of {run.args.rounds} interleaved rounds).", "",
        f"- {facts['processor']}, {facts['cores']} cores, Linux {facts['kernel']}, Python {facts['python']}, load {facts['load_at_start']} at the start",
        *version_lines(run), *peak_lines(run), f"- {noisy}", f"- whole run {took_s:.0f} s", "",
        *(f"- {n}: {f['texts']} texts, {f['mean_tokens']:.1f} tokens each on average, {f['flops'] / 1e9:.1f} GFLOP" for n, f in run.facts.items()),
        "", *throughput_lines(run, speed, peers),
    ]
    if run.disturbed * 10 > run.timed:
        lines += ["", *processor_lines(run, speed, peers)]
    if single:
        lines += ["", *latency_lines(run, single, peers)]
    if run.profiles:
        lines += ["", *profile_lines(run)]
    lines += ["", "Configurations behind the figures:", ""]
    lines += [f"- {name}, {threads} thread{'s' * (threads > 1)}: {e['configuration']} {e['batch'] or ''}".rstrip() for (name, threads, _), e in sorted(speed.items())]
    lines += ["", "Peak memory of the workers (MB): " + "; ".join(f"{c.label} {m['peak_rss_bytes'] / 1e6:.0f}" for c, m in run.memory.items())]
    if run.cosine:
        lines += ["", f"Least cosine with the reference over all configurations and sets: {min(run.cosine.values()):.7f}"]
    lines += ["", *(f"- FAILED: {failure}" for failure in run.failures)]
    figures = {
        "machine": facts, "versions": run.versions, "sets": run.facts, "took_s": took_s, "failures": run.failures,
        "disturbed": {"runs": run.disturbed, "of": run.timed}, "peaks": {str(t): [list(p) for p in seen] for t, seen in run.peaks.items()},
        "throughput": [{"set": n, "threads": t, "peer": p, **e} for (n, t, p), e in speed.items()],
        "latency": [{"text": n, "threads": t, "peer": p, **e} for (n, t, p), e in single.items()],
        "all_seconds": [{"set": n, "configuration": c.label, "batch": run.chosen[c, n], "seconds": s, "cosine": run.cosine.get((c, n))} for (c, n), s in run.seconds.items()],
        "profiles": [{"set": n, "threads": c.threads, **p} for (c, n), p in run.profiles.items()],
        "memory": [{"configuration": c.label, **m} for c, m in run.memory.items()],
    }
    return "\n".join(lines).rstrip() + "\n", figures
