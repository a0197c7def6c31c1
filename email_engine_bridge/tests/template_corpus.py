"""Hostile and ordinary templates, shared by the tests and `./lokario bench render`."""

DATA = {
    "first_name": "Jean <b>",
    "items": [{"name": "Thé", "price": 4.5, "quantity": 2}, {"name": "Café", "price": 3, "quantity": 1}],
    "numbers": list(range(300)),
    "text": "a" * 1000,
    "vip": True,
}

BOMBS = [
    "{{ 'A' * 1000000000 }}",
    "{{ 9 ** 9999999 }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}",
    "{{ 'x'|indent(1000000000) }}",
    "{{ lipsum(n=100000) }}",
    "{{ [1]|batch(100000000, 'x')|list }}",
    "{{ [1]|slice(100000000)|list }}",
    "{% set ns = namespace(x='a') %}{% for i in numbers %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{{ [0] * 1000000000 }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '{:1000000000d}'.format(1) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ text|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa') }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for i in range(1000000) %}x{% endfor %}",
    "{% for a in numbers %}{% for b in numbers %}{% for c in numbers %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in numbers %}{% for b in numbers %}{{ text }}{% endfor %}{% endfor %}",
    "{% for a in numbers %}{% for b in numbers %}{% if a %}{% endif %}{% endfor %}{% endfor %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 50000 + "1 }}",
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "{{ text" + " ~ text" * 100000 + " }}",
    "{{" * 100000,
    "{#" * 100000,
    "x" * 600_000,
    "{% set a = text ~ text %}{% set a = a ~ a %}{% set a = a ~ a %}{{ a }}",
]

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ self._TemplateReference__context }}",
    "{{ ''['__class__'] }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ ('{0.__cla' ~ 'ss__}')|format(1) }}",
    "{{ [].append.__self__ }}",
    "{{ [1]|map(attribute='__class__')|list }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends '/etc/passwd' %}",
    "{% for a in items %}{{ loop.__class__ }}{% endfor %}",
    "{{ request.environ }}{{ config }}{{ env.user }}",
    "{{ first_name.upper }}{{ items.append }}{{ numbers.sort }}",
    "{{ first_name|safe }}",
    "{% autoescape false %}{{ first_name }}{% endautoescape %}",
]

ORDINARY = [
    ("<p>{{ first_name }}</p>", "<p>Jean &lt;b&gt;</p>"),
    ("{{ first_name|upper }} {{ nobody|default('ami') }}", "JEAN &lt;B&gt; ami"),
    (
        "{% for item in items %}{{ loop.index }}. {{ item.name }} : "
        "{{ (item.price * item.quantity)|number(2) }} €;{% endfor %}",
        "1. Thé : 9,00 €;2. Café : 3,00 €;",
    ),
    ("{% if vip and items|length > 1 %}merci{% else %}bonjour{% endif %}", "merci"),
    ("{% for n in nobody %}x{% else %}vide{% endfor %}", "vide"),
    ("{% set name = first_name|striptags|trim %}{{ name }}", "Jean"),
    ("{{ 'oui' if vip is defined and vip else 'non' }} {{ 5 // 2 }} {{ 7 % 4 }}", "oui 2 3"),
    ("{% raw %}{{ kept }}{% endraw %} {# note #}", "{{ kept }} "),
    ("{{ items[0].name }} {{ items[9].name }} {{ text[:3] }}", "Thé  aaa"),
]
