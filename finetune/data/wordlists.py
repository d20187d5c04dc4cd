"""Closed word lists for finding names and guessing genres; plain data, no story text."""

from __future__ import annotations

TITLES = frozenset(
    "Mr Mrs Miss Ms Dr Sir Lady Lord King Queen Prince Princess Captain Master Madam Uncle Aunt Auntie Mother Father "
    "Brother Sister Saint Old Little Doctor Professor Teacher Granny Grandma Grandpa".split()
)
ALLOWED = TITLES | frozenset(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September "
    "October November December Mom Mommy Mama Mum Mummy Dad Daddy Papa Pa Ma Nana God Christmas Easter Heaven Lord Earth "
    "The This That These Those There Then They Their He Him His She Her It Its We You Your My Our And But Or So If When "
    "While Where What Who Why How Yes No Not Oh Ah Hello Hi Hey Ok Okay Please Thank Thanks Now Once One Two Three After Before "
    "As At In On Of For From To With By Let Do Did Does Is Are Was Were Can Could Will Would Should Come Go Look See "
    "Good Bad Even Every Everyone All Some Many Suddenly Finally Soon Later Next First Last Just Well Here Never Always "
    "English French German Indian African Sun Moon North South East West Majesty Highness Sir Bible".split()
)
MALE = frozenset("boy man king prince father dad brother uncle son grandfather grandpa husband mr".split())
FEMALE = frozenset(
    "girl woman queen princess mother mom mum sister aunt daughter grandmother grandma wife mrs miss".split()
)
PLACES = (
    "park", "house", "forest", "village", "castle", "river", "lake", "garden", "school", "shop", "store", "market", "farm",
    "beach", "sea", "mountain", "cave", "palace", "tower", "field", "barn", "kitchen", "town", "city", "island", "well",
    "church", "woods", "zoo", "pond", "library", "museum", "hut", "hill", "cottage", "inn", "harbour", "mill", "ship",
)  # fmt: skip
ITEMS = (
    "ball", "box", "key", "book", "hat", "ring", "bag", "doll", "toy", "kite", "boat", "lamp", "sword", "crown", "letter",
    "coin", "basket", "necklace", "drum", "bell", "bottle", "cup", "map", "umbrella", "bicycle", "bike", "balloon", "shirt",
    "blanket", "shell", "stone", "stick", "rope", "pot", "knife", "flower", "cake", "egg", "mirror", "robot", "guitar",
)  # fmt: skip
BEASTS = (
    "dog", "cat", "bird", "bear", "lion", "rabbit", "fox", "wolf", "horse", "cow", "goat", "mouse", "frog", "elephant",
    "monkey", "fish", "snake", "duck", "tiger", "puppy", "kitten", "dragon", "donkey", "pig", "hen", "squirrel", "owl",
)  # fmt: skip
GENRE_WORDS: dict[str, frozenset[str]] = {
    "fantasy": frozenset("magic magical wizard dragon spell unicorn sorcerer enchanted wand monster".split()),
    "science fiction": frozenset(
        "rocket robot planet space alien machine laboratory spaceship mars computer ship".split()
    ),
    "horror": frozenset("ghost haunted scream terror skeleton grave corpse demon shadow dread".split()),
    "adventure": frozenset("island treasure pirate ship sail jungle explore captain map boat storm gun".split()),
    "mystery": frozenset("detective clue secret mystery stolen thief police footprints missing hidden".split()),
    "romance": frozenset("love loved kiss wedding marry married heart bride sweetheart".split()),
    "fairy tale": frozenset("king queen prince princess fairy castle witch giant palace kingdom elf dwarf".split()),
    "historical": frozenset("soldier war colonel regiment carriage sir army general musket".split()),
    "comedy": frozenset("laughed funny silly joke giggle laugh laughing giggled tricks trick".split()),
    "everyday": frozenset("school mom dad park play toy played home market bus shop teacher mother ball".split()),
}
