"""What a report says, without I/O: what is asked for, the facts it is made of, and its content.

::

    request  ─┐
    facts    ─┴─► compose(facts) ──► Content ──► JSON in ``reports.data``; PDF, HTML and CSV of it

``request`` says what about, ``periods`` when, ``facts`` what was read, ``sections`` one subject
each, ``compose`` puts them together, ``content`` is the result that everything else shows.
"""
