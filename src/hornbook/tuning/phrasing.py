"""How questions are put, in each language that we can ask in.

No sentence needs the gender of its subject: a name stands bare or in
quotes, and a participle is taken from the text as it stands there.
"""

import msgspec

ENGLISH = "en"


class Phrasing(msgspec.Struct, frozen=True):
    """The sentences and the forms of one language."""

    phrases: dict[str, tuple[str, ...]]
    """How a question of each kind opens; repeats weigh more."""
    follow_ups: dict[str, tuple[str, ...]]
    """How it is put when its subject was already named."""
    copula: str
    """The verbs by which a first sentence says what a thing is."""
    articles: str
    """What may stand before the name that opens a sentence."""
    spans: tuple[tuple[str, str, str], ...]
    """A kind, the form of its sentence and the question.

    What the form's ``answer`` finds is the answer; its other names
    may stand in the question.
    """


_NAME = r"(?P<answer>[A-Z]\w+(?: (?:de |del |la |von |van )?[A-Z]\w+)*)"
_YEAR = r"(?P<answer>\d{4})\b"
_COUNT = r"(?P<answer>\d[\d.,\u00a0\u202f ]*\d)"

PHRASES = {
    "en": Phrasing(
        {
            "what": (
                "What {verb} {subject}?",
                "What {verb} {subject}?",
                "What {verb} {subject}?",
                "Tell me what {subject} {verb}.",
                "Explain what {subject} {verb}.",
            ),
            "who": (
                "Who {verb} {subject}?",
                "Who {verb} {subject}?",
                "Tell me who {subject} {verb}.",
            ),
            "where": (
                "Where {verb} {subject}?",
                "Tell me where {subject} {verb}.",
            ),
            "about": (
                "Tell me about {name}.",
                "Tell me something about {name}.",
            ),
            "description": (
                "Describe {name} in a few words.",
                "Describe {name} in a few words.",
                "Sum up {name} in a few words.",
            ),
            "topic": (
                "Which topic does {name} belong to?",
                "Which topic does {name} belong to?",
                "What is the topic of {name}?",
            ),
            "continue": ("Continue: {name}",),
        },
        {
            "description": ("In a few words?", "And in a few words?"),
            "topic": ("And which topic is it?", "Which topic is that?"),
        },
        "is|are|was|were",
        "an?|the",
        (
            (
                "year",
                r"(?P<verb>was|were) (?P<done>founded|established|built"
                r"|born|created|invented|published) in " + _YEAR,
                "In which year {verb} {name} {done}?",
            ),
            (
                "place",
                r"(?P<verb>is|are) (?:located|situated) in " + _NAME,
                "Where {verb} {name}?",
            ),
            (
                "agent",
                r"(?P<verb>was|were) (?P<done>founded|built|written"
                r"|invented|discovered|designed|composed) by " + _NAME,
                "Who was {name} {done} by?",
            ),
            (
                "number",
                "has a population of (?:about )?" + _COUNT,
                "How many people live in {name}?",
            ),
        ),
    ),
    "de": Phrasing(
        {
            "about": (
                "Was weißt du über „{name}“?",
                "Was ist mit „{name}“ gemeint?",
                "Erkläre kurz: {name}.",
            ),
            "description": (
                "Beschreibe „{name}“ in wenigen Worten.",
                "Fasse „{name}“ in wenigen Worten zusammen.",
            ),
            "topic": (
                "Zu welchem Thema gehört „{name}“?",
                "Welchem Thema ist „{name}“ zuzuordnen?",
            ),
            "continue": ("Setze fort: {name}",),
        },
        {
            "description": (
                "In wenigen Worten?",
                "Und in wenigen Worten?",
            ),
            "topic": ("Und zu welchem Thema gehört das?",),
        },
        "ist|sind|war|waren|bezeichnet",
        "der|die|das|ein|eine",
        (
            (
                "year",
                r"(?P<verb>wurde|wurden) (?:im Jahre? )?" + _YEAR
                + r"(?: \S+){0,6}? (?P<done>gegründet|erbaut|geboren"
                r"|errichtet|erfunden|veröffentlicht)\b",
                "In welchem Jahr {verb} „{name}“ {done}?",
            ),
            (
                "place",
                r"(?P<verb>liegt|liegen) in " + _NAME,
                "Wo {verb} „{name}“?",
            ),
            (
                "agent",
                r"(?P<verb>wurde|wurden)(?: \S+){0,6}? von " + _NAME
                + r"(?: \S+){0,6}? (?P<done>gegründet|erbaut|erfunden"
                r"|geschrieben|entdeckt|entworfen|komponiert)\b",
                "Von wem {verb} „{name}“ {done}?",
            ),
            (
                "number",
                r"(?:hat|zählt) (?:rund |etwa )?" + _COUNT
                + " Einwohner",
                "Wie viele Einwohner hat „{name}“?",
            ),
        ),
    ),
    "fr": Phrasing(
        {
            "about": (
                "Que sait-on sur « {name} » ?",
                "Que désigne « {name} » ?",
                "Explique brièvement : {name}.",
            ),
            "description": (
                "Décris « {name} » en quelques mots.",
                "Résume « {name} » en quelques mots.",
            ),
            "topic": (
                "À quel thème appartient « {name} » ?",
                "À quel thème se rattache « {name} » ?",
            ),
            "continue": ("Continue : {name}",),
        },
        {
            "description": (
                "En quelques mots ?",
                "Et en quelques mots ?",
            ),
            "topic": ("Et à quel thème cela appartient-il ?",),
        },
        "est|sont|était|étaient|fut|furent|désigne",
        "le |la |les |l['’]|une? |des",
        (
            (
                "year",
                r"(?P<verb>a été|ont été|est|fut|furent) "
                r"(?P<done>(?:fond|cré|inaugur|publi|construit|invent"
                r"|né)\w*) en " + _YEAR,
                "En quelle année « {name} » {verb} {done} ?",
            ),
            (
                "place",
                r"(?P<verb>se trouve|se trouvent|est située?"
                r"|sont située?s) (?:à|en) " + _NAME,
                "Où « {name} » {verb} ?",
            ),
            (
                "agent",
                r"(?P<verb>a été|ont été|est|fut|furent) "
                r"(?P<done>(?:fond|cré|découvert|construit|invent|écrit"
                r"|compos)\w*) par " + _NAME,
                "Par qui « {name} » {verb} {done} ?",
            ),
            (
                "number",
                r"compte (?:environ )?" + _COUNT + " habitants",
                "Combien d’habitants compte « {name} » ?",
            ),
        ),
    ),
    "es": Phrasing(
        {
            "about": (
                "¿Qué se sabe sobre «{name}»?",
                "¿Qué se entiende por «{name}»?",
                "Explica brevemente: {name}.",
            ),
            "description": (
                "Describe «{name}» en pocas palabras.",
                "Resume «{name}» en pocas palabras.",
            ),
            "topic": (
                "¿A qué tema pertenece «{name}»?",
                "¿Con qué tema se relaciona «{name}»?",
            ),
            "continue": ("Continúa: {name}",),
        },
        {
            "description": (
                "¿En pocas palabras?",
                "¿Y en pocas palabras?",
            ),
            "topic": ("¿Y a qué tema pertenece?",),
        },
        "es|son|era|eran|fue|fueron|designa",
        "el|la|los|las|una?",
        (
            (
                "year",
                r"(?P<verb>fue|fueron) (?P<done>(?:fundad|cread"
                r"|publicad|construid|inventad|inaugurad)[oa]s?) en "
                + _YEAR,
                "¿En qué año {verb} {done} «{name}»?",
            ),
            (
                "place",
                r"(?P<verb>se encuentra|se encuentran|está situad[oa]"
                r"|están situad[oa]s|está ubicad[oa]) en " + _NAME,
                "¿Dónde {verb} «{name}»?",
            ),
            (
                "agent",
                r"(?P<verb>fue|fueron) (?P<done>(?:fundad|cread|escrit"
                r"|construid|inventad|descubiert|compuest)[oa]s?) por "
                + _NAME,
                "¿Por quién {verb} {done} «{name}»?",
            ),
            (
                "number",
                r"tiene (?:unos )?" + _COUNT + " habitantes",
                "¿Cuántos habitantes tiene «{name}»?",
            ),
        ),
    ),
}
"""The languages, by their codes."""
