"""The forms in which personal data is written.

Every part of a pattern that repeats is bounded, or begins where no
character of its own stands before it; so the time grows with the text
alone, whatever it is made of.
"""

import re

# Letters that a number never follows; Chinese writes no space there
_WORD = r"A-Za-z0-9_À-ɏͰ-ӿ٠-٩"
_NAME = r"[A-Za-z0-9À-ɏ]"
_AT = r"(?:@| ?[\[(](?:at|AT|arroba)[\])] ?)"
_DOT = r"(?:\.| ?[\[(](?:dot|DOT|punkt|punto|point)[\])] ?)"
EMAIL = re.compile(
    rf"(?<![{_WORD}.+%@/-])"
    rf"{_NAME}(?:[A-Za-z0-9À-ɏ_.+%'-]{{0,62}}{_NAME})?{_AT}"
    rf"(?:{_NAME}[A-Za-z0-9À-ɏ-]{{0,62}}{_DOT}){{1,6}}[A-Za-z]{{2,24}}"
    r"(?![A-Za-z0-9@-])"
)
FILE_ENDS = {"css", "gif", "jpeg", "jpg", "js", "png", "svg", "webp"}
"""What ends no domain: ``logo@2x.png`` is a picture."""

IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \xa0-]?[A-Z0-9]){11,30}"
)
IBAN_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD",
        "19": "MK SI", "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST",
        "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV",
        "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for code in codes.split()
}
"""The length of an account in each country."""

LONG_NUMBER = re.compile(r"[0-9٠-٩][\d .()/\-\u2011\xa0]{4,}\d")
FOUR_NUMBERS = re.compile(r"[0-9]\.\d{1,3}\.\d{1,3}\.\d")
COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
ACCOUNT = re.compile(r"[A-Z]{2}\d\d[ \xa0-]?[A-Z0-9]{4}")
"""What numbers of some kinds have, and most prose has not."""
CARD = re.compile(
    rf"(?<![{_WORD}.,+-])(?:\d{{13,19}}|"
    r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|"
    rf"\d{{4}}([ -])\d{{6}}\2\d{{4,5}})(?![{_WORD}-]|[.,]\d)"
)
CARD_LENGTHS = {
    "4": (13, 16, 19),
    "5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720": (16,),
    "3[47]": (15,),
    "3[068]": (14,),
    "35": (16,),
    "6011|64[4-9]|65": (16,),
    "62": (16, 17, 18, 19),
}
"""How cards of each maker begin, and their numbers of digits."""

_GAP = r"[ .\-/\u2011\xa0]"
_REST = rf"(?:{_GAP}?\(?\d{{1,5}}\)?){{0,6}}"
PHONE_ABROAD = re.compile(
    rf"(?<![{_WORD}+.,/=-])"
    r"(?P<number>\(?(?:\+|00)(?=[1-9 ]) ?[1-9]\d{0,2}\)?"
    rf"{_GAP}?(?:\(0?\d{{1,4}}\){_GAP}?)?\d{{1,5}}"
    rf"(?:{_GAP}{{0,3}}\(?\d{{1,5}}\)?){{1,6}})"
    rf"(?![{_WORD}=]|[-.,/]\d)"
)
NATIONAL = re.compile(
    rf"(?<![{_WORD}+.,/=-])(?<!\d )(?P<number>"
    # North America: (212) 555-0123, 212-555-0123, 1-800-555-0123
    r"(?:1[ .-])?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d(?P<a>[.-]))"
    r"[2-9]\d\d[ .-]\d{4}|"
    # France: 01 23 45 67 89
    r"0[1-9](?P<b>[ .-])\d\d(?:(?P=b)\d\d){3}|"
    # A trunk code: 030 1234567, (0171) 123 45-67, 020 7946 0958
    r"(?:\(0\d{1,5}\)|0\d{2,5}) ?[ /\-\u2011] ?\d{3,8}"
    r"(?:[ -]\d{2,5}){0,3}|"
    r"\(0\d{1,5}\) ?\d\d(?: \d\d){1,4}|"
    r"0\d{2,5} ?[ /-] ?\d\d(?: \d\d){2,4}|"
    # Spain: 612 34 56 78, 612 345 678, 91 123 45 67
    r"[679]\d\d(?P<c>[ -])\d\d(?:(?P=c)\d\d){2}|"
    r"9\d \d{3} (?:\d\d \d\d|\d{4})|[67]\d\d \d{3} \d{3}|"
    # China: 138 0013 8000, 010-62345678
    r"1[3-9]\d(?P<d>[ -])\d{4}(?P=d)\d{4}|"
    r"(?<=[\u3000-\u9fff：])1[3-9]\d{9}|"
    # Taiwan, Japan: 02-5555-0147
    r"0\d-\d{4}-\d{4}|"
    # Arabic countries: 0505550142, behind a letter and ": "
    r"(?:(?<=[\u0600-\u06ff] )|(?<=[\u0600-\u06ff]: ))"
    r"[0٠](?:[5٥]\d{8}|[1١]\d{9})"
    rf")(?![{_WORD}=]|[-.,/:]\d| \d)"
)
ANY_NUMBER = re.compile(
    r"(?<![\d.,])(?P<number>\+?\(?\d{1,8}\)?"
    rf"(?:{_GAP}{{0,2}}\(?\d{{1,8}}\)?){{0,7}})(?![{_WORD}=]|[-.,:/]\d)"
)
ASKED = re.compile(
    r"(?:\b(?:[Tt]el|TEL|[Ff]ax|FAX|[Pp]hone|[Tt]elephone|[Tt]elefon"
    r"|[Tt]elefax|[Mm]obile?|[Cc]ell|[Hh]andy|[Tt][ée]l|[Pp]ortable"
    r"|[Tt][ée]l[ée]phone|[Tt]el[ée]fono|[Mm][óo]vil|WhatsApp|[Cc]all"
    r"|[Dd]urchwahl|[Rr]ufnummer|[Tt]elefonnummer|[Ll]l[áa]m[aeo]\w*"
    r"|[Aa]ppel\w*|[Rr]ing|[Ff]ijo|[Tt]ext|SMS|[Hh]otline|[Aa]nruf\w*)"
    r"|电话|電話|手机|手機|传真|傳真|致电|拨打|هاتف|جوال|تلفون|فاكس|محمول"
    r"|واتساب|اتصل|للتواصل)[^\d\n]{0,20}$"
)
"""Words that ask for a number, and little between."""
NOT_A_NUMBER = re.compile(
    r"(?i:isbn|issn|ean|doi|art(?:icle|ikel)?|order|invoice|serial"
    r"|version|track\w*|bestell\w*|rechnung\w*|sendung\w*|auftrag\w*"
    r"|kunden\w*|commande|facture|client|r[ée]f\w*|pedido|factura"
    r"|ticket|case|part|model\w*|sku|id|patent|rfc|account"
    r"|konto\w*|steuer\w*|siret|siren|suivi|seguimiento|expediente"
    r"|lot|batch|license|licence|log|dossier|akten\w*"
    r")[\W_]{0,4}(?:(?i:no|nr|n°|number|nummer|num[ée]ro|n[úu]mero|code"
    r"|de|id|du|des|del|is|ist|est|es)[\W_]{0,3}){0,2}$"
    r"|(?:订单|编号|单号|快递|发票|型号|رقم الطلب|الطلب|الفاتورة)"
    r"[^\d]{0,6}$"
)
"""Words behind which a number is a thing's."""
UNIT = re.compile(
    r" ?(?:€|\$|£|¥|%|°|EUR|USD|km|kg|euros?|dollars?|Euro|hab|元|年|"
    r"inhabitants|Einwohner|habitant|Stück|mm|cm|m²|mg|GB|MB|bytes?)"
)
"""What stands behind a quantity."""

IP4 = re.compile(
    rf"(?<![{_WORD}.-])(?<![{_WORD}]/)(?<![0-9A-Fa-f]:)"
    r"(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})"
    rf"(?![{_WORD}]|\.\d|-[{_WORD}])"
)
IP6 = re.compile(
    rf"(?<![{_WORD}:.])"
    r"(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)"
    rf"[0-9A-Fa-f:]{{3,39}}(?:\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}})?"
    rf"(?![{_WORD}:]|\.\d)"
)
NOT_AN_ADDRESS = re.compile(
    r"\b(?i:version|ver\.?|v\.?|release|build|firmware|kernel|driver"
    r"|section|chapter|kapitel|abschnitt|chapitre|cap[íi]tulo"
    r"|secci[óo]n"
    r"|treiber|pilote|§|rev\.?|update|patch|clause|ziffer|art[íi]c\w*"
    r"|versi[óo]n|versione|chrome|upgrade\w* to|table|figure|oid"
    r"|actualiza\w* a(?: la)?)[\s:=]{0,3}$"
    r"|(?:版本|版|章|第|更新到|संस्करण|الإصدار|إصدار|القسم)[\s:：]{0,3}$"
)
"""Words behind which four numbers are a version or a section."""
A_VERSION = re.compile(r" ?(?:版|إصدار)")
"""And words that stand behind them."""

_OPEN = r"(?<![A-Za-z0-9_])"
_SHUT = r"(?![A-Za-z0-9_])"
KEYS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (tuple(hints.split()), re.compile(form))
    for hints, form in {
        "AKIA ASIA": rf"{_OPEN}A[KS]IA[A-Z0-9]{{16}}{_SHUT}",
        "ghp_ gho_ ghu_ ghs_ ghr_": (
            rf"{_OPEN}gh[pousr]_[A-Za-z0-9]{{30,255}}{_SHUT}"
        ),
        "github_pat_": rf"{_OPEN}github_pat_\w{{22,255}}",
        "glpat-": rf"{_OPEN}glpat-[\w-]{{20,64}}",
        "xox": rf"{_OPEN}xox[abeoprs]-[A-Za-z0-9-]{{10,255}}",
        "hooks.slack.com": (
            r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,80}"
        ),
        "AIza": rf"{_OPEN}AIza[\w-]{{35}}(?![\w-])",
        "sk_ rk_ pk_": (
            rf"{_OPEN}[srp]k_(?:live|test)_[A-Za-z0-9]{{16,255}}"
        ),
        "sk-": rf"{_OPEN}sk-[A-Za-z0-9_-]{{20,255}}",
        "dop_v1_": rf"{_OPEN}dop_v1_[0-9a-f]{{64}}{_SHUT}",
        ":AA": rf"{_OPEN}\d{{8,10}}:AA[\w-]{{33}}(?![\w-])",
        "hf_ npm_": rf"{_OPEN}(?:hf|npm)_[A-Za-z0-9]{{30,64}}{_SHUT}",
        "SG.": rf"{_OPEN}SG\.[\w-]{{16,32}}\.[\w-]{{32,64}}",
        "eyJ": (
            rf"{_OPEN}eyJ[\w-]{{8,4096}}\.eyJ[\w-]{{8,8192}}"
            r"\.[\w-]{8,4096}"
        ),
        "PRIVATE": (
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
            r"[^-]{0,20000}"
            r"(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        "Bearer": r"Bearer ([A-Za-z0-9._~+/-]{20,4096}=*)",
        "://": r"://[^\s/:@]{1,64}:([^\s/@]{3,128})@",
    }.items()
)
"""Keys that say themselves what they are, after parts they have."""
ASSIGNMENT = re.compile(
    r"[=:：]>?[ \t]{0,4}[\"'`]?"
    r"([^\s\"'`<>,;，。=]{5,200}[^\s\"'`<>,;，。=.)](?:={1,2}(?!\w))?)"
)
SECRET_NAME = re.compile(
    r"(?i:api[_ -]?key|secret\w*|token|passw(?:or)?d|passwort|kennwort"
    r"|passphrase|mot[ _]de[ _]passe|contrase[ñn]a|clave"
    r"|access[_-]?key|pwd"
    r"|auth[_-]?key|private[_-]?key|cl[ée] (?:api|secr[èe]te)"
    r"|credential"
    r"|api[_-]?schl[üu]ssel|schl[üu]ssel|[_-]key|密码|密钥|口令"
    r"|كلمة المرور|كلمة السر|مفتاح)"
    r"[\w-]{0,12}[\"'`\])]{0,2}[ \t]{0,3}$"
)
NO_SECRET = re.compile(
    r"[(\[{$]|(?i:your|example|x{4}|\*{3}|change|placeholder|https?:)"
    r"|\.\.\.|^[\w-]+\.[a-z_]+$"
)
"""What stands where a secret should: a name, a hint, a call."""
