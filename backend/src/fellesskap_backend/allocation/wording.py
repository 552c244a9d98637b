"""PURE: the policy in plain words, Norwegian (Bokmål) and English, from its numbers.

All that changes an answer is said: two versions that differ read differently.
"""

from datetime import datetime
from typing import Literal

from fellesskap_backend.allocation.policy import FairShare

Language = Literal["nb", "en"]


def plain(policy: FairShare, language: Language) -> str:
    """Return the policy as a text for people: a heading and one sentence a rule."""
    hold, no_show = policy.hold, policy.no_show
    numbers = {
        "version": policy.version,
        "since": since(policy.local(policy.in_force_from)),
        "zone": policy.zone,
        "cut_offs": ", ".join(policy.cut_offs),
        "kept_from": hold.kept_from,
        "kept_until": hold.kept_until,
        "lent_at": hold.lent_at,
        "holds_min": no_show.holds_min,
    }
    shares = {
        "guaranteed": policy.guaranteed_permille,
        "entrant": policy.entrant_permille,
        "accessible": policy.accessible_permille,
        "batch": policy.batch_above_permille,
        "memory": policy.memory_permille,
        "tolerated": no_show.tolerated_permille,
        "floor": no_show.weight_permille_min,
        "used": policy.use_it.used_permille,
        "headroom": policy.use_it.headroom_permille - 1_000,
    }
    said = {name: percent(permille, language) for name, permille in shares.items()}
    chosen = CHOICES[language]
    choices = {name: chosen[getattr(policy, name)] for name in ("commons", "reserved")}
    return "\n".join(line.format(**numbers, **said, **choices) for line in LINES[language]) + "\n"


def before_any(language: Language) -> str:
    """Return what holds while no version is in force: `first-come v0`."""
    return "\n".join(FIRST_COME[language]) + "\n"


def percent(permille: int, language: Language) -> str:
    """Write permille as people read it.

    >>> percent(600, "nb"), percent(125, "nb"), percent(125, "en")
    ('60 %', '12,5 %', '12.5%')
    """
    number = f"{permille / 10:g}"
    return f"{number.replace('.', ',')} %" if language == "nb" else f"{number}%"


def since(local: datetime) -> str:
    """Write from when a version is in force: seconds only if there are any.

    >>> since(datetime.fromisoformat("2027-04-01T06:00+02:00"))
    '2027-04-01 06:00+02:00'
    """
    whole = local == local.replace(second=0, microsecond=0)
    return local.isoformat(" ", "minutes" if whole else "auto")


LINES: dict[Language, tuple[str, ...]] = {
    "nb": (
        "Slik fordeles rommene i pakkeskapene (regelsett {version}, gjelder fra {since};"
        " klokkeslett og dager er dem i {zone})",
        "1. Hver transportør er sikret sin del: {guaranteed} av rommene i hver størrelse deles"
        " etter vekter som er offentlige. Resten er felles, for den som ber.",
        "2. Av det som er sikret, er {entrant} satt av til nye transportører. {commons}",
        "3. Av de lave rommene i hver størrelse er {accessible}, rundet opp til hele rom, holdt av"
        " til den som ber om et rom innen rekkevidde. {reserved}",
        "4. Det som er sikret, holdes av fra kl. {kept_from} til kl. {kept_until}. Deretter lånes"
        " det ut litt etter litt, og fra kl. {lent_at} alt. Etter det står intet"
        " tomt fordi det er noens.",
        "5. En pakke får et større rom bare når det ikke tas fra det som holdes av til andre. Det"
        " koster ikke mer.",
        "6. Når det en av de siste sju dagene ble bedt om {batch} eller mer av timene i et skap,"
        " avgjøres neste dags ønsker samlet kl. {cut_offs}: da er det uten betydning hvem som"
        " spurte først. Det kunngjøres kvelden før. Ellers får alle svar med en gang.",
        "7. Når alt avgjøres samlet, får hver først det den er sikret. Resten går til den som har"
        " fått lånt minst i forhold til sin vekt; bruken de siste 28 dagene teller {memory}. Er det"
        " likt, avgjør loddet.",
        "8. Den som ofte bestiller uten å komme (mer enn {tolerated} av minst {holds_min} på 28"
        " dager), får mindre av det som lånes ut, men aldri under {floor} av vekten, og"
        " rommene venter tilsvarende kortere. Det den er"
        " sikret, beholder den. Det regnes ikke med når skapet ikke virket eller ble stengt, når"
        " budet kom og intet rom dugde, eller når rommet gikk tapt; heller ikke"
        " det som blir avbestilt.",
        "9. Hvert kvartal: den som på gode dager bruker mindre enn {used} av det den er sikret,"
        " beholder det den bruker pluss {headroom}. Resten går til dem som venter, ett rom om"
        " gangen til den som har fått minst. Det ingen venter på, er ikke sikret noen.",
        "10. En pakke som ligger i skapet, blir aldri tatt ut for å gi plass til en annens.",
    ),
    "en": (
        "How the compartments are shared (rules {version}, in force from {since}; hours and days"
        " are those of {zone})",
        "1. Every carrier is guaranteed its part: {guaranteed} of the compartments of each size are"
        " divided by published weights. The rest is common, for whoever asks.",
        "2. Of what is guaranteed, {entrant} is set aside for new carriers. {commons}",
        "3. Of the low compartments of each size {accessible}, rounded up to whole ones, is kept"
        " for whoever asks for one within reach. {reserved}",
        "4. What is guaranteed is kept from {kept_from} until {kept_until}. After that it is lent"
        " little by little, from {lent_at} all of it. After that nothing stands empty"
        " because it is somebody's.",
        "5. A parcel gets a larger compartment only if nothing is taken from what is kept for"
        " others. It costs no more.",
        "6. Where {batch} or more of a locker's hours were asked for on one of the last seven days,"
        " the next day's requests are decided together at {cut_offs}: then it does not matter who"
        " asked first. That is announced the evening before. Else everybody is answered at once.",
        "7. Decided together, everybody first gets what it is guaranteed. The rest goes to who was"
        " lent least for its weight; use in the last 28 days counts {memory}. If equal, lots"
        " decide.",
        "8. Who often reserves and does not come (more than {tolerated} of at least {holds_min} in"
        " 28 days) is lent less, never below {floor} of its weight, and its compartments"
        " wait as much shorter. What it is guaranteed it keeps."
        " Left out is where the locker did not serve or was closed, where a courier came and no"
        " compartment would do, where the room was lost, and what was cancelled.",
        "9. Every quarter: who uses less than {used} of what it is guaranteed, on good days, keeps"
        " what it uses and {headroom} more. The rest goes to who is waiting, one at a time to"
        " whoever was given least. What nobody waits for is guaranteed to nobody.",
        "10. A parcel that lies in a locker is never taken out to make room for another's.",
    ),
}
CHOICES: dict[Language, dict[str, str]] = {
    "nb": {
        "unguaranteed": "Så lenge det ikke finnes noen, er det felles, som alt annet som ikke er"
        " sikret noen.",
        "as_divided": "Så lenge det ikke finnes noen, kan andre få det, og det regnes som lånt; det"
        " gjør også det som ingen venter på etter et kvartal (9).",
        "counted": "Det gis i stedet for et som er holdt av slik, om alt annet som er holdt av får"
        " plass; ellers er det som om et vanlig rom ble bedt om. Ett færre er holdt av etterpå.",
        "in_place": "Det gis i stedet for et som er holdt av slik; er de tatt, er det som om et"
        " vanlig rom ble bedt om.",
        "anywhere": "Er færre i bruk enn det som er holdt av, gis et hvilket som helst lavt rom,"
        " også av det som holdes av til andre.",
    },
    "en": {
        "unguaranteed": "While there are none it is common, like all else that is guaranteed to"
        " nobody.",
        "as_divided": "While there are none others may be given it, and it counts as lent; so does"
        " what nobody waits for after a quarter (9).",
        "counted": "It is given in the place of one that is kept so, if all else that is kept can"
        " be served; else it is as if an ordinary one were asked for. Then one fewer is kept.",
        "in_place": "It is given in the place of one that is kept so; where these are taken, it is"
        " as if an ordinary one were asked for.",
        "anywhere": "While fewer are in use than are kept, any low one is given, also of what is"
        " kept for others.",
    },
}
"""What is said of `commons` and `reserved`, whose words differ."""
FIRST_COME: dict[Language, tuple[str, ...]] = {
    "nb": (
        "Slik fordeles rommene i pakkeskapene (regelsett first-come v0)",
        "1. Den som ber først, får rom så lenge noe passer. Ingen er sikret noe, intet holdes av.",
        "2. Andre regler gjelder først når de er kunngjort her, med en dato som ikke er kommet.",
    ),
    "en": (
        "How the compartments are shared (rules first-come v0)",
        "1. Whoever asks first is given room while anything fits. Nobody is guaranteed anything,"
        " nothing is kept.",
        "2. Other rules hold only when they were announced here, with a date in the future.",
    ),
}
