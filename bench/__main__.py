"""`make bench`: every figure as a ratio to its baseline, several interleaved rounds, the median quoted."""

import argparse

from bench import figures
from bench.ground import Ground, open_ground
from bench.measuring import Figure

_OLD = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    caption, file_id, image_state, created_at, attempts)
SELECT gen_random_uuid(), workspace_id, conversation.id, sender_id, contact_id, true, 'image', 'submitted', 'read',
    'Your receipt', %(file)s, 'stored', now(), 1
FROM conversation, generate_series(1, %(times)s)
"""


def measure(ground: Ground, *, rounds: int, scale: int) -> list[Figure]:
    """Measure the three figures."""
    return [
        figures.accepts(ground, rounds=rounds, count=4000 // scale),
        figures.sends(ground, rounds=rounds, count=2000 // scale),
        figures.updates(ground, rounds=rounds, count=15000 // scale, batch=100),
        figures.updates(ground, rounds=rounds, count=1500 // scale, batch=1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--growth", type=int, metavar="N", help="measure again with N old messages a conversation")
    asked = parser.parse_args()
    rounds, scale = (2, 2) if asked.quick else (5, 1)
    with open_ground() as ground:
        print(f"median ratio of {rounds} interleaved rounds (smallest to largest), and the rates for information\n")
        for figure in measure(ground, rounds=rounds, scale=scale):
            print(figure.line(), flush=True)
        if asked.growth:
            ground.sql(_OLD, file=ground.file, times=asked.growth)
            ground.sql("ANALYZE")
            stored = ground.sql("SELECT count(*) FROM message")[0][0]
            print(f"\nthe same with {stored:,} messages stored\n")
            for figure in measure(ground, rounds=rounds, scale=scale):
                print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
