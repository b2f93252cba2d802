"""Write texts.jsonl: the stored texts on which the real models are compared.

    python texts.py --data DATA --out ..

DATA is the folder with text/gutenberg/*.txt.gz (public domain). Everything else is written here or
generated from a fixed seed. One JSON object a line: {"id", "kind", "text"}.
"""
import argparse
import gzip
import json
import pathlib
import random
import unicodedata

PLAIN = [
    "ram hits sam",
    "sam hits ram",
    "The bank raised its interest rates on Monday.",
    "They sat on the bank of the river and watched the ducks.",
    "She deposited the cheque at the bank before noon.",
    "A steep bank of snow blocked the gate.",
    "He plays the bass in a jazz trio.",
    "The bass weighed almost four kilos when they landed it.",
    "How do I reset my password?",
    "I forgot my login details, what now?",
    "The parcel has not arrived yet and the tracking page is empty.",
    "My order is late; where can I see its status?",
    "Water boils at 100 degrees Celsius at sea level.",
    "At sea level the boiling point of water is 100 °C.",
    "Cats sleep for most of the day.",
    "Dogs need a walk twice a day, whatever the weather.",
    "The committee rejected the proposal by a narrow margin.",
    "By a narrow margin, the proposal was turned down.",
    "No one was hurt in the accident.",
    "Someone was hurt in the accident.",
    "It is not true that nobody came.",
    "Photosynthesis turns light into chemical energy.",
    "An embedding maps a text to a point in a space.",
    "Matrix multiplication dominates the running time of a Transformer.",
    "The old lighthouse keeper wrote every ship's name into a blue notebook.",
    "Three of the five eggs were broken.",
    "If the valve sticks, close the main tap and call the plumber.",
    "Bread, butter, jam, tea.",
    "Why did the chicken cross the road? To get to the other side!",
    "Well... I suppose -- or rather, I hope -- that it'll do.",
    "We don't, can't, won't, shouldn't've; they're, I'm, he'd, it's, o'clock, rock'n'roll.",
    "\"Quotes,\" she said, 'inside \"quotes\"', and “curly ones” ‘too’ — «guillemets» „unten“.",
    "Hello", "hello", "HELLO", "hELLO", "Hello.", "hello!", "hello ", " hello", "a", "I", "Z", "7", "?", ".",
    "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "unhappinesslessnessing", "embeddings", "tokenization", "xqzvkj", "The", "the the the the the",
    "Time flies like an arrow; fruit flies like a banana.",
    "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.",
    "The horse raced past the barn fell.",
    "The quick brown fox jumps over the lazy dog",
    "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG",
    "The Quick Brown Fox Jumps Over The Lazy Dog",
    "tHE qUICK bROWN fOX jUMPS oVER tHE lAZY dOG",
]

SCRIPTS = {
    "german": ["Die Straße ist heute gesperrt.", "DIE STRASSE IST HEUTE GESPERRT.", "Große Füße, süße Grüße", "Maß und Masse",
               "GROẞE STRAẞE", "Fußgängerübergangsschilderwaldverordnung", "Donaudampfschifffahrtsgesellschaftskapitän",
               "Ärger über öde Übungen", "ÄÖÜ äöü ß ẞ"],
    "turkish": ["İstanbul'da yağmur yağıyor.", "ISPARTA'DA KIŞ", "ıspanak, ılık, Iğdır", "İİİ ııı III iii", "Diyarbakır", "ağaç ğ Ğ ş Ş"],
    "french": ["L'élève a mangé une crêpe à Noël, où ça ?", "Œuvre, cœur, æther, façade, naïve, Hawaiʻi", "C’est l’été aujourd’hui."],
    "spanish": ["¿Dónde está la biblioteca?", "¡Mañana será otro día!", "El pingüino Wenceslao hizo kilómetros"],
    "nordic": ["Smørrebrød på færgen", "Þórr og Íslendingar ð Ð þ", "Åke älskar öl", "Đặng Ðà"],
    "slavic": ["Příliš žluťoučký kůň úpěl ďábelské ódy", "Zażółć gęślą jaźń", "Съешь ещё этих мягких французских булок", "Йод, ёлка, Ёж",
               "Љубав и Њутн", "Ґанок і їжак"],
    "greek": ["Η γρήγορη αλεπού", "ΟΔΥΣΣΕΥΣ οδυσσευς", "Ὦ ἄνδρες Ἀθηναῖοι", "άέήίόύώ ϊϋΐΰ ς σ Σ"],
    "vietnamese": ["Tiếng Việt có nhiều dấu thanh", "Nguyễn Trãi và Lê Lợi", unicodedata.normalize("NFD", "Tiếng Việt có nhiều dấu thanh")],
    "chinese": ["你好，世界！", "今天天气很好，我们去公园散步吧。", "漢字與简体字混排", "中文English混合text測試123", "我", "龘靐齉齾爩", "𠀀𠀁𪛖𫝀", "豈更車"],
    "japanese": ["こんにちは、世界。", "東京都は日本の首都です。", "カタカナとひらがなと漢字", "ｶﾀｶﾅ ﾊﾝｶｸ ﾃｽﾄ", "がぎぐげご ぱぴぷぺぽ", unicodedata.normalize("NFD", "がぎぐげご ぱぴぷぺぽ"),
                 "ラーメンを３杯食べた。", "々〆〇ヶ"],
    "korean": ["안녕하세요, 세계!", "한국어 문장을 시험합니다.", unicodedata.normalize("NFD", "한국어 문장을 시험합니다."), "ㄱㄴㄷ ㅏㅑㅓ", "서울 Seoul 2026"],
    "arabic": ["مرحبا بالعالم", "اللغة العربية جميلة", "الْعَرَبِيَّةُ مُشَكَّلَةٌ", "لا إله إلا", "ﷺ ﷽ ﻻ", "٠١٢٣٤٥٦٧٨٩ ۰۱۲۳", "فارسی: گچ پژ می‌خواهم", "اردو ٹ ڈ ڑ ے"],
    "hebrew": ["שלום עולם", "בְּרֵאשִׁית בָּרָא אֱלֹהִים", "עברית and English יחד", "ירושלים ׳ ״"],
    "bidi": ["He said \"שלום\" and left.", "السعر 25.50 USD فقط", "abc אבג 123 دهو xyz", "\u202bRTL embedding\u202c and \u202dLTR override\u202c",
             "\u2067isolate אב\u2069 end", "\u200eLRM\u200f RLM \u061c"],
    "thai": ["สวัสดีชาวโลก", "ภาษาไทยไม่มีการเว้นวรรคระหว่างคำ", "กำ้ น้ำ เก็บ", "๑๒๓ ฿100"],
    "devanagari": ["नमस्ते दुनिया", "हिन्दी में लिखा हुआ वाक्य।", "क्ष त्र ज्ञ श्र", "संस्कृतम्", "१२३४"],
    "indic": ["வணக்கம் உலகம்", "হ্যালো বিশ্ব", "తెలుగు భాష", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ", "ಕನ್ನಡ", "മലയാളം", "සිංහල"],
    "other-scripts": ["Բարեւ աշխարհ", "გამარჯობა მსოფლიო", "ሰላም ልዑል", "မင်္ဂလာပါ", "សួស្តី​ពិភពលោក", "ສະບາຍດີ", "བཀྲ་ཤིས་བདེ་ལེགས", "ᠮᠣᠩᠭᠣᠯ",
                      "ᏣᎳᎩ ᏗᎪᏪᎸ", "ꭰꭱ", "𐌰𐌱𐌲 gothic", "𒀀𒀁 cuneiform", "𓀀𓁐 hieroglyph", "ⲁⲃⲅ", "ⵣⴰⵎⴰⵣⵉⵖ", "ᚠᚢᚦᚨᚱᚲ"],
    "emoji": ["I love pizza 🍕", "😀", "😀😃😄😁", "👩‍👩‍👧‍👦 family", "👨🏽‍🚀 astronaut", "👍👍🏻👍🏼👍🏽👍🏾👍🏿", "🇩🇪🇫🇷🇯🇵 flags", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 Scotland", "🏳️‍🌈 ❤️ ❤", "1️⃣2️⃣#️⃣*️⃣",
              "☺︎ ☺️ text and emoji style", "so tired 😴💤 good night 🌙✨", "🤷🏾‍♀️¯\\_(ツ)_/¯", ":-) ;-) :'( xD <3", "🧑‍🤝‍🧑🧑🏿‍❤️‍💋‍🧑🏻", "🫠🫡🪿🩷🫎"],
    "combining": ["é e\u0301 è e\u0300", unicodedata.normalize("NFD", "Crème brûlée à la façon naïve"), unicodedata.normalize("NFC", "Crème brûlée à la façon naïve"),
                  "Z\u0351\u036b\u0343a\u0321\u031bl\u0317\u0332g\u0330o\u031a\u0352", "a" + "\u0301" * 40, "\u0301alone", "\u0301", "o\u0308\u0304 ȫ", "Å Å A\u030a",
                  "ﬁne ﬂow oﬃce ﬀ", "①②③ ⅣⅧ ½ ¾ ㎏ ㍿ ™ ℃", "Ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ", "𝓗𝓮𝓵𝓵𝓸 𝕎𝕠𝕣𝕝𝕕 𝟙𝟚𝟛", "ᴴᵉˡˡᵒ ʷₒᵣₗd", "a\u20ddb\u20e3"],
    "control": ["nul\u0000byte", "\u0000", "\u0001\u0002\u0003", "a\tb\tc", "line one\nline two\r\nline three\rline four", "bell\u0007 back\u0008space escape\u001b[31mred\u001b[0m",
                "zero\u200bwidth\u200bspace", "join\u200der non\u200cjoiner", "\ufeffbyte order mark", "mid\ufeffdle", "soft\u00adhy\u00adphen", "private \ue000\uf8ff\U000f0000\U0010fffd use",
                "replacement \ufffd char", "\ufffd", "next\u0085line", "para\u2029graph line\u2028sep", "nb\u00a0space narrow\u202fspace ideo\u3000graphic", "en\u2002em\u2003thin\u2009hair\u200afig\u2007",
                "word\u2060joiner", "noncharacter \ufffe \uffff \U0001ffff", "del\u007fete", "c1 \u0080\u009f", "vt\u000bff\u000c", "invisible\u2061\u2062\u2063\u2064", "\u180emongolian sep", "variation\ufe0e\ufe0f selector",
                "tag \U000e0041\U000e007f", "interlinear \ufff9a\ufffab\ufffb"],
    "numbers": ["3.14159265358979", "1,234,567.89 and 1.234.567,89", "2026-11-22T15:17:36Z", "+49 (0)30 1234-5678", "0xDEADBEEF 0b1010 1e-9 -0.0", "12345678901234567890", "IV XIV MMXXVI", "1/2 + 1/3 = 5/6",
                "$5 €5 £5 ¥500 ₹10 ₿1", "50% off!!! 3x faster, 1st 2nd 3rd", "0", "007"],
    "web": ["https://example.org/path/to/page?query=value&other=1#fragment", "mail someone@example.com about it", "www.example.net/~user/", "@handle #hashtag RT via /r/sub",
            "C:\\Program Files\\App\\run.exe --flag=true", "/usr/local/lib/libfoo.so.1.2.3", "192.168.0.1:8080 and [2001:db8::1]:443", "user_name-with.many+signs%20encoded"],
    "code": ["fn main() { println!(\"{}\", 1 + 2); }", "for (int i = 0; i < n; ++i) { a[i] = b[i] * c; }", "SELECT name, COUNT(*) FROM t WHERE x >= 3 GROUP BY name;", "def f(x):\n    return x ** 2\n",
             "<html><body class=\"x\">&nbsp;Hi</body></html>", "{\"key\": [1, 2.5, null, true], \"k\\u00e9y\": \"v\"}", "git commit -m \"fix: it's done\" && echo $?", "let f = |x: &str| -> Result<_, E> { Ok(x?) };",
             "#!/bin/sh\nset -eu\nprintf '%s\\n' \"$@\"", "\\begin{equation} E = mc^2 \\end{equation}", "camelCaseName snake_case_name SCREAMING_SNAKE kebab-case-name", "^[a-z]+(?:-[a-z]+)*$"],
    "punctuation": ["!!!!!!!!!!", "?!?!?!", "...", "-----", "=====>>>", "***bold*** __under__ ~~strike~~ `code`", "([{<>}])", "; : , . / \\ | @ # $ % ^ & * _ + ~ `", "…—–‒―‐‑", "、。・「」『』【】〈〉《》", "¿¡§¶†‡•‰′″",
                    "$+<=>^`|~", "a-b_c.d,e;f:g!h?i", "←↑→↓ ∀∃∈∉∑∏√∞≈≠≤≥", "░▒▓█ ┌─┐", "☀☂★☎♠♥♦♣♪"],
    "special-look": ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "<s>", "</s>", "<pad>", "<mask>", "<unk>", "before [SEP] after", "[CLS] text [SEP]", "Paris is the [MASK] of France.", "[cls] [sep] [mask]", "[ CLS ] [CLS", "<s>hello</s>",
                     "a[MASK]b[UNK]c", "[PAD][PAD][PAD]", "<|endoftext|> <|im_start|>", "[CLS][CLS][SEP][SEP]", "[MASK", "##ing ##s ##", "▁under▁score Ġ Ċ", "hello[SEP]"],
    "blank": ["", " ", "   ", "\n", "\t", "\r\n\r\n", "\u00a0", "\u3000", "\u200b", " \t\n\u2003 ", "\ufeff", "\u00ad"],
}


def long_words(rng):
    letters = "abcdefghijklmnopqrstuvwxyz"
    yield "a" * 99
    yield "a" * 100
    yield "a" * 101
    yield "x" * 200
    yield "before " + "".join(rng.choice(letters) for _ in range(150)) + " after"
    yield "".join(rng.choice(letters) for _ in range(5000))
    yield "é" * 100 + " " + "é" * 101
    yield "word" * 60 + "."
    yield "1" * 250
    yield "中" * 600
    yield "-" * 700
    yield "😀" * 120


def passages(data, rng):
    """Passages of chosen lengths, in words, from public-domain books."""
    lengths = [2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 15, 16, 17, 20, 24, 28, 31, 32, 33, 40, 48, 56, 63, 64, 65, 80, 96,
               112, 127, 128, 129, 150, 180, 200, 220, 240, 250, 254, 256, 258, 280, 300, 350, 380, 400, 450, 520, 700, 1000, 2100, 3000]
    names = ["austen-emma", "blake-poems", "bryant-stories", "chesterton-brown", "melville-moby_dick", "milton-paradise",
             "shakespeare-hamlet", "whitman-leaves"]
    for i, n in enumerate(lengths):
        raw = gzip.open(data / "text" / "gutenberg" / f"{names[i % len(names)]}.txt.gz", "rt", encoding="utf-8").read()
        words = raw.split()
        at = rng.randrange(200, len(words) - n - 1)
        yield " ".join(words[at:at + n])


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args = args.parse_args()
    rng = random.Random(20)
    rows = [("plain", t) for t in PLAIN]
    for kind, texts in SCRIPTS.items():
        rows += [(kind, t) for t in texts]
    rows += [("long-word", t) for t in long_words(rng)]
    rows += [("passage", t) for t in passages(args.data, rng)]
    seen, kept = set(), []
    for kind, text in rows:
        if text not in seen:
            seen.add(text)
            kept.append((kind, text))
    # Lengths and scripts are shuffled so that neighbours in a batch differ.
    rng.shuffle(kept)
    with open(args.out / "texts.jsonl", "w", encoding="utf-8") as file:
        for i, (kind, text) in enumerate(kept):
            file.write(json.dumps({"id": i, "kind": kind, "text": text}, ensure_ascii=True) + "\n")
    print(len(kept), "texts")


if __name__ == "__main__":
    main()
