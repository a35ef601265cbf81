"""Files as the sites lay them out, made of any salary file."""

import csv
import io

INSTRUCTIONS = (
    "1. Column A lists all of your contest entries for this draftgroup",
    "2. Your current lineup is listed next to each entry (blank for reservations)",
    "3. You can change the lineup for an entry by entering the IDs of the players in the row next to that entry",
    "4. Use data from the Name+ID column or the ID column; you cannot use just the player's name",
    "5. For faster processing only include entries you are changing in the file you upload",
    "",
)
HEADER = ["Entry ID", "Contest Name", "Contest ID", "Entry Fee", *["D"] * 6, "", "Instructions"]
SALARY_HEADER = [
    "Position",
    "Name + ID",
    "Name",
    "ID",
    "Roster Position",
    "Salary",
    "Game Info",
    "TeamAbbrev",
    "AvgPointsPerGame",
]


def salary_rows(n_drivers=10):
    """A header and made-up drivers, one with a comma and quotes in the name."""
    names = [f"Driver {number}" for number in range(n_drivers - 1)] + ['José "Ace" Núñez, Jr']
    return [SALARY_HEADER] + [
        [
            "D",
            f"{name} ({900 + number})",
            name,
            str(900 + number),
            "D",
            str(5_000 + 600 * number),
            "Race",
            "Nasca",
            "1.5",
        ]
        for number, name in enumerate(names)
    ]


def entries_file(pool, entries, *, line_end="\r\n", mark=b"", quoting=csv.QUOTE_MINIMAL):
    """An entries template: entries (id, contest, contest id, fee, cells) left, instructions and pool right."""
    right = [[text] for text in INSTRUCTIONS] + pool
    rows = [HEADER]
    for number in range(max(len(entries), len(right))):
        entry_id, name, contest_id, fee, cells = entries[number] if number < len(entries) else ("", "", "", "", ())
        left = [entry_id, name, contest_id, fee, *cells, *[""] * (6 - len(cells)), ""]
        rows.append(left + (right[number] if number < len(right) else []))
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)
    return mark + text.getvalue().encode()
