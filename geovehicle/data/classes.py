"""What the class names of foreign data sets mean."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from geovehicle.data.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NAMES = {
    "": "vehicle, motor vehicle, other vehicle, small vehicle, large vehicle, light vehicle, "
    "heavy vehicle, small land vehicle, large land vehicle, passenger vehicle, parked vehicle, "
    "kfz, fahrzeug, véhicule, vehículo, veicolo, voertuig, camper, camping car, camper van, "
    "motorhome, rv",
    "car": "car, small car, passenger car, parked car, pkw, auto, automobile, automobil, sedan, "
    "hatchback, estate, suv, jeep, taxi, pickup, pickup truck, minivan, voiture, coche, "
    "autovettura, personenauto, personenkraftwagen",
    "van": "van, cargo van, delivery van, transporter, lieferwagen, camionnette, furgoneta, "
    "furgone, bestelwagen",
    "bus": "bus, buses, minibus, coach, omnibus, reisebus, autobus, autocar, car bus",
    "truck": "truck, lorry, cargo truck, dump truck, tipper truck, box truck, utility truck, "
    "truck tractor, tow truck, fire truck, garbage truck, freight car, lkw, lastwagen, camion, "
    "camión, autocarro, vrachtwagen, vrachtauto, semi, semi truck, truck with trailer",
}

_DOUBTFUL = (
    "motorcycle, motorbike, motor, motorrad, moto, scooter, tricycle, awning tricycle, tractor, "
    "trailer, anhänger, caravan, wohnwagen, construction vehicle, engineering vehicle, excavator, "
    "bagger, bulldozer, forklift, machinery, ignore, ignored, ignored regions, don't care, unknown"
)


class Meaning(NamedTuple):
    """What a class is: the type of vehicle, empty if not known, and whether it is doubtful."""

    type: str
    ignore: bool


def meaning(name: str) -> Meaning | None:
    """Return what a class name means, or None if it is not known as a vehicle.

    Case, plural, spaces and punctuation do not matter.  Machines, trailers and two
    wheels are doubtful: whether they count as vehicles differs from set to set.
    """
    word = _plain(name)
    return _MEANINGS.get(word) or _MEANINGS.get(word.removesuffix("s"))


class Vocabulary:
    """What the classes of one data set mean; counts the labels of those that are no vehicles.

    Where no class is known as a vehicle, all of them count as one.

    Parameters
    ----------
    where : str
        The file or folder that has the names, to tell of it.
    names : iterable of str
        All names that occur.
    """

    def __init__(self, where: str, names: Iterable[str]) -> None:
        self._where = where
        self._meanings = {name: meaning(name) for name in names}
        known = any(found and not found.ignore for found in self._meanings.values())
        self._foreign = not known and bool(self._meanings)
        self._strangers: Counter[str] = Counter()

    def __call__(self, name: str) -> Meaning | None:
        """Return what a name means, or None, counted, if it is no vehicle."""
        if self._foreign:
            return Meaning("", False)
        found = self._meanings.get(name) or meaning(name)
        if found is None:
            self._strangers[name] += 1
        return found

    def notes(self) -> Iterator[Note]:
        """Yield what is to be said of the names when all labels were read."""
        if self._foreign:
            names = ", ".join(sorted(self._meanings))[:80]
            yield Note(self._where, f"no class is known as a vehicle ({names}); all count as one")
        for name, count in sorted(self._strangers.items()):
            yield Note(
                self._where,
                f"class {name[:40]!r} is not known as a vehicle, its {count} labels are left out",
            )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _table() -> Mapping[str, Meaning]:
    table = {_plain(name): Meaning("", True) for name in _DOUBTFUL.split(", ")}
    for kind, names in _NAMES.items():
        table |= {_plain(name): Meaning(kind, False) for name in names.split(", ")}
    return table


_MEANINGS = _table()
