"""What a preset costs, as a table with what it rests on."""

from collections.abc import Mapping


def table(found: Mapping) -> str:
    """The estimate as Markdown: a row a GPU.

    Args:
        found: Of `toxres.training.cost.estimate`.
    """
    lines = [
        "| GPU | rated, TFLOPS | precision | hours | memory | fits |",
        "| --- | ---: | --- | ---: | ---: | --- |",
    ]
    taken = (sum(found["memory"].values()) + found["assumed"]["context_bytes"]) / 1e9
    for gpu in found["gpus"]:
        hours = f"{gpu['hours_fast']:.1f}–{gpu['hours_slow']:.1f}"
        memory, fits = f"{taken:.1f} of {gpu['memory_gb']} GB", "yes" if gpu["fits"] else "no"
        lines.append(f"| {gpu['name']} | {gpu['tflops']:g} | {gpu['precision']} | {hours} | {memory} | {fits} |")
    return "\n".join(lines)


def section(found: Mapping) -> str:
    """The table with what it rests on, for the README.

    Args:
        found: Of `toxres.training.cost.estimate`, with `measured` where it was compared with this machine.
    """
    (full, worst), *others = found["flops"].items()
    kept, less = found["memory"]["activations"] / 1e9, found["activations_checkpointed"] / 1e9
    real = f", {others[0][1]['total'] / 1e15:.1f} as long as they are" if others else ""
    slow, fast = (f"{100 * share:.0f}%" for share in found["assumed"]["reached"])
    most, least = (f"{1000 * seconds:.0f}" for seconds in found["assumed"]["host_seconds_a_step"])
    here = ""
    if "measured" in found:
        share = f"{100 * found['measured']['reached']:.0f}%"
        here = f" (one thread of the CPU that computed this reaches {share} of its own)"
    return "\n\n".join(
        [
            f"`{found['preset']['name']}` on all {found['rows']:,} comments of Jigsaw is {found['steps']:,} steps, and "
            f"{worst['total'] / 1e15:.1f} PFLOP at {full}{real}: counted on the graph of `{found['recipe']}`.",
            table(found),
            f"The hours are estimated, and measured on none of them: a GPU is taken to reach {slow} to {fast} of its "
            f"rated speed{here}, and the host to need {least} to {most} ms a step, which is what fast GPUs wait for. A "
            f"batch keeps {kept:.2f} GB for the way back, or {less:.2f} GB with `--gradient-checkpointing`; "
            "`--batch-size 4 --gradient-accumulation 4` is the same step in a quarter of that.",
        ]
    )
