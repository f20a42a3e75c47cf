"""How wide a text is, so that boxes and gaps can be made to fit it before anything is laid out.

The widths are those of Arimo, which are those of Helvetica and Arial. They stand here as a table, because
a picture must be the same on machines without that font.
"""

import unicodedata

# One character per sign, from the space, U+00A0, U+0370 and U+0400 on: "0" is 0, "T" 36/36 of an em.
_TABLE = {
    0x20: ";;=EEQI7<<?F;<;;EEEEEEEEEE;;FFFEUIIJJIFMJ;BIENJMIMJIFJIRIIF;;;AE<EEBEE;EE88B8NEEEE<B;EBJBBB=:=F",
    0xA0: ";<EEEE:E<K>EF<KD?D<<<ED<<<>EOOOFIIIIIITJIIII;;;;JJMMMMMFMJJJJIIFEEEEEEQBEEEE;;;;EEEEEEEDFEEEEBEB",
    0x391: "IIDJIFJM;IINJHMJI?GFIMIOK;IEAE8DEEBEA@EE8BBEBAEIEBG?DHC",
    0x400: "IIPDJI;;BWUOEJGJIHIDIIRFJJEHNJMJIJFGLIKHQRMPHJUJEED>FEIAEE@FIDEDEBABNBECMNGJCCKDEEE>CB8;8QNE@EBD",
}
_OTHERS = {"∂": 0.5, "−": 0.59, "×": 0.59, "·": 0.34, "→": 1.0, "…": 1.0, "Σ": 0.62, "⁺": 0.34}
_OTHERS |= dict.fromkeys("₀₁₂₃₄₅₆₇₈₉", 0.34) | {"⸺": 2.0, "⸻": 3.0}
_WIDEST = 1.4  # em; emoji, and more than any letter of a script that is not listed


def width(text: str, size: float) -> float:
    """Return how wide a text is, or a little more, in points.

    Args:
        text: the text, in one line.
        size: the size of its letters in points.

    >>> round(width("net", 13), 1), width("中", 13), width("n\N{COMBINING TILDE}", 9) == width("n", 9)
    (19.1, 13.0, True)
    """
    return size * sum(map(_em, text))


def wrapped(text: str, room: float, size: float) -> list[str]:
    """Return a text in lines that are no wider than ``room``, broken at spaces; a longer word stands alone.

    >>> wrapped("one two three", 50, 13)
    ['one two', 'three']
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and width(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _em(sign: str) -> float:
    if sign in _OTHERS:
        return _OTHERS[sign]
    code = ord(sign)
    for first, widths in _TABLE.items():
        if first <= code < first + len(widths):
            return (ord(widths[code - first]) - 48) / 36
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(sign) in ("W", "F") and code < 0x1F000:
        return 1.0
    return 1.1 if sign.islower() else _WIDEST
