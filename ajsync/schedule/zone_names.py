"""Names of time zones in other systems and in speech, and the IANA names that they mean: data for `zone_hints`."""

from __future__ import annotations

import re

NOT_IANA = re.compile(r"localtime|posixrules|posix/.*|right/.*")
"""Names that only the time zone folder of some machines has, and whose meaning depends on the machine."""
UTC_NAMES = frozenset(
    ("utc", "z", "zulu", "gmt", "greenwich", "ut", "uct", "utc0", "gmt0", "coordinated universal time")
)
"""Names for UTC, in lower case."""
HOSTS_OWN = frozenset(("local", "localtime", "system", "default", "host", "server", "auto", "posixrules"))
"""Names for the zone of the host."""


def _table(text: str) -> list[tuple[str, str]]:
    """The pairs of a table: `name=value`, several on a line."""
    pairs = (pair.partition("=") for pair in text.strip().replace("\n", ";").split(";"))
    return [(name.strip(), value.strip()) for name, _, value in pairs]


_ABBREVIATIONS = """
PST PDT PT=America/Los_Angeles; MDT MT=America/Denver; CDT CT=America/Chicago; EDT ET=America/New_York
CST=America/Chicago Asia/Shanghai America/Havana; AST=America/Halifax Asia/Riyadh; ADT=America/Halifax
NST NDT=America/St_Johns; AKST AKDT=America/Anchorage; BRT BRST=America/Sao_Paulo; ART=America/Argentina/Buenos_Aires
CLT=America/Santiago; COT=America/Bogota; BST=Europe/London Asia/Dhaka; IST=Asia/Kolkata Asia/Jerusalem Europe/Dublin
IDT=Asia/Jerusalem; WEST=Europe/Lisbon; CEST MEZ MESZ MEST=Europe/Berlin Europe/Paris
EEST=Europe/Athens Europe/Helsinki; MSK=Europe/Moscow; TRT=Europe/Istanbul; GST=Asia/Dubai; PKT=Asia/Karachi
NPT=Asia/Kathmandu; ICT=Asia/Bangkok; WIB=Asia/Jakarta; HKT=Asia/Hong_Kong; SGT=Asia/Singapore; PHT=Asia/Manila
JST=Asia/Tokyo; KST=Asia/Seoul; AWST=Australia/Perth; ACST ACDT=Australia/Adelaide Australia/Darwin
AEST AEDT=Australia/Sydney Australia/Brisbane; NZST NZDT=Pacific/Auckland; SAST=Africa/Johannesburg; EAT=Africa/Nairobi
CAT=Africa/Maputo; WAT=Africa/Lagos; HDT=America/Adak; LHST=Australia/Lord_Howe; CHST=Pacific/Guam; PET=America/Lima
VET=America/Caracas; UYT=America/Montevideo; AMT=America/Manaus Asia/Yerevan; WITA=Asia/Makassar; WIT=Asia/Jayapura
IRST=Asia/Tehran; AZT=Asia/Baku; GET=Asia/Tbilisi; UZT=Asia/Tashkent
"""
_ALSO_NAMES = """
EST=America/New_York; MST=America/Denver; HST=Pacific/Honolulu; CET=Europe/Berlin Europe/Paris
EET=Europe/Athens Europe/Helsinki; WET=Europe/Lisbon
"""
"""These are IANA names themselves, so they count only with a number, as in a `TZ` of POSIX."""
ABBREVIATIONS = {
    name: tuple(zones.split())
    for names, zones in (*_table(_ABBREVIATIONS), *_table(_ALSO_NAMES))
    for name in names.split()
}
"""IANA names by abbreviation in upper case; several if it is ambiguous."""

_FIXED = """
-660=Pacific/Pago_Pago; -600=Pacific/Honolulu; -570=Pacific/Marquesas; -540=Pacific/Gambier; -480=Pacific/Pitcairn
-420=America/Phoenix; -360=America/Costa_Rica; -300=America/Bogota; -240=America/Puerto_Rico
-180=America/Argentina/Buenos_Aires; -120=America/Noronha; -60=Atlantic/Cape_Verde; 60=Africa/Lagos
120=Africa/Johannesburg; 180=Africa/Nairobi; 210=Asia/Tehran; 240=Asia/Dubai; 270=Asia/Kabul; 300=Asia/Karachi
330=Asia/Kolkata; 345=Asia/Kathmandu; 360=Asia/Dhaka; 390=Asia/Yangon; 420=Asia/Bangkok; 480=Asia/Singapore
525=Australia/Eucla; 540=Asia/Tokyo; 570=Australia/Darwin; 600=Australia/Brisbane; 660=Pacific/Guadalcanal
720=Pacific/Tarawa; 780=Pacific/Tongatapu; 840=Pacific/Kiritimati
"""
FIXED = {int(minutes): zone for minutes, zone in _table(_FIXED)}
"""A place that has this offset all year, by minutes ahead of UTC."""

_WINDOWS = """
Afghanistan=Asia/Kabul; Alaskan=America/Anchorage; Arab=Asia/Riyadh; Arabian=Asia/Dubai; Arabic=Asia/Baghdad
Argentina=America/Argentina/Buenos_Aires; Astrakhan=Europe/Astrakhan; Atlantic=America/Halifax
AUS Central=Australia/Darwin; AUS Eastern=Australia/Sydney; Azerbaijan=Asia/Baku; Azores=Atlantic/Azores
Bahia=America/Bahia; Bangladesh=Asia/Dhaka; Belarus=Europe/Minsk; Canada Central=America/Regina
Cape Verde=Atlantic/Cape_Verde; Caucasus=Asia/Yerevan; Cen. Australia=Australia/Adelaide
Central America=America/Guatemala; Central Asia=Asia/Bishkek; Central Brazilian=America/Cuiaba
Central Europe=Europe/Budapest; Central European=Europe/Warsaw; Central Pacific=Pacific/Guadalcanal
Central=America/Chicago; China=Asia/Shanghai; Cuba=America/Havana; E. Africa=Africa/Nairobi
E. Australia=Australia/Brisbane; E. Europe=Europe/Chisinau; E. South America=America/Sao_Paulo
Eastern=America/New_York; Egypt=Africa/Cairo; Ekaterinburg=Asia/Yekaterinburg; Fiji=Pacific/Fiji; FLE=Europe/Kiev
Georgian=Asia/Tbilisi; GMT=Europe/London; Greenland=America/Godthab; Greenwich=Atlantic/Reykjavik; GTB=Europe/Bucharest
Hawaiian=Pacific/Honolulu; India=Asia/Kolkata; Iran=Asia/Tehran; Israel=Asia/Jerusalem; Jordan=Asia/Amman
Kaliningrad=Europe/Kaliningrad; Korea=Asia/Seoul; Libya=Africa/Tripoli; Magallanes=America/Punta_Arenas
Mauritius=Indian/Mauritius; Middle East=Asia/Beirut; Montevideo=America/Montevideo; Morocco=Africa/Casablanca
Mountain=America/Denver; Myanmar=Asia/Yangon; N. Central Asia=Asia/Novosibirsk; Namibia=Africa/Windhoek
Nepal=Asia/Kathmandu; New Zealand=Pacific/Auckland; Newfoundland=America/St_Johns; North Asia=Asia/Krasnoyarsk
North Asia East=Asia/Irkutsk; Pacific SA=America/Santiago; Pacific=America/Los_Angeles; Pakistan=Asia/Karachi
Paraguay=America/Asuncion; Romance=Europe/Paris; Russian=Europe/Moscow; SA Eastern=America/Cayenne
SA Pacific=America/Bogota; SA Western=America/La_Paz; Samoa=Pacific/Apia; SE Asia=Asia/Bangkok
Singapore=Asia/Singapore; South Africa=Africa/Johannesburg; Sri Lanka=Asia/Colombo; Sudan=Africa/Khartoum
Syria=Asia/Damascus; Taipei=Asia/Taipei; Tasmania=Australia/Hobart; Tokyo=Asia/Tokyo; Tonga=Pacific/Tongatapu
Turkey=Europe/Istanbul; US Eastern=America/Indiana/Indianapolis; US Mountain=America/Phoenix; Venezuela=America/Caracas
Vladivostok=Asia/Vladivostok; W. Australia=Australia/Perth; W. Central Africa=Africa/Lagos; W. Europe=Europe/Berlin
West Asia=Asia/Tashkent; West Pacific=Pacific/Port_Moresby; Yakutsk=Asia/Yakutsk
"""
WINDOWS = {name.lower(): zone for name, zone in _table(_WINDOWS)}
"""IANA names by Windows name, in lower case and without `Standard Time`."""

_PLACES = """
argentina=America/Argentina/Buenos_Aires; austria=Europe/Vienna; bangladesh=Asia/Dhaka; belgium=Europe/Brussels
china=Asia/Shanghai; colombia=America/Bogota; croatia=Europe/Zagreb; czechia=Europe/Prague; denmark=Europe/Copenhagen
england=Europe/London; finland=Europe/Helsinki; france=Europe/Paris; germany=Europe/Berlin; deutschland=Europe/Berlin
greece=Europe/Athens; hungary=Europe/Budapest; india=Asia/Kolkata; ireland=Europe/Dublin; italy=Europe/Rome
kenya=Africa/Nairobi; korea=Asia/Seoul; netherlands=Europe/Amsterdam; nigeria=Africa/Lagos; norway=Europe/Oslo
pakistan=Asia/Karachi; peru=America/Lima; philippines=Asia/Manila; romania=Europe/Bucharest; saudi_arabia=Asia/Riyadh
serbia=Europe/Belgrade; south_africa=Africa/Johannesburg; spain=Europe/Madrid; sweden=Europe/Stockholm
switzerland=Europe/Zurich; taiwan=Asia/Taipei; thailand=Asia/Bangkok; uk=Europe/London; gb=Europe/London
united_kingdom=Europe/London; ukraine=Europe/Kiev; uae=Asia/Dubai; vietnam=Asia/Ho_Chi_Minh; abu_dhabi=Asia/Dubai
ankara=Europe/Istanbul; atlanta=America/New_York; austin=America/Chicago; bangalore=Asia/Kolkata
barcelona=Europe/Madrid; basel=Europe/Zurich; beijing=Asia/Shanghai; bengaluru=Asia/Kolkata; bern=Europe/Zurich
bombay=Asia/Kolkata; boston=America/New_York; cape_town=Africa/Johannesburg; canberra=Australia/Sydney
chennai=Asia/Kolkata; cologne=Europe/Berlin; dallas=America/Chicago; delhi=Asia/Kolkata; edinburgh=Europe/London
frankfurt=Europe/Berlin; geneva=Europe/Zurich; hamburg=Europe/Berlin; hanoi=Asia/Bangkok; houston=America/Chicago
hyderabad=Asia/Kolkata; islamabad=Asia/Karachi; las_vegas=America/Los_Angeles; lyon=Europe/Paris
marseille=Europe/Paris; miami=America/New_York; milan=Europe/Rome; montreal=America/Toronto; mumbai=Asia/Kolkata
munich=Europe/Berlin; new_delhi=Asia/Kolkata; nyc=America/New_York; osaka=Asia/Tokyo; ottawa=America/Toronto
philadelphia=America/New_York; porto=Europe/Lisbon; pune=Asia/Kolkata; quebec=America/Toronto
rio_de_janeiro=America/Sao_Paulo; rotterdam=Europe/Amsterdam; saint_petersburg=Europe/Moscow
san_diego=America/Los_Angeles; san_francisco=America/Los_Angeles; seattle=America/Los_Angeles; shenzhen=Asia/Shanghai
tel_aviv=Asia/Jerusalem; the_hague=Europe/Amsterdam; turin=Europe/Rome; washington=America/New_York
washington_dc=America/New_York; wellington=Pacific/Auckland; eastern=America/New_York; central=America/Chicago
mountain=America/Denver; pacific=America/Los_Angeles; eastern_time=America/New_York; central_time=America/Chicago
mountain_time=America/Denver; pacific_time=America/Los_Angeles; central_european_time=Europe/Berlin
indian_standard_time=Asia/Kolkata; british_summer_time=Europe/London; japan_standard_time=Asia/Tokyo
"""
PLACES = dict(_table(_PLACES))
"""IANA names by country, by city without a zone of its own, and by other names; in lower case, with `_`."""
