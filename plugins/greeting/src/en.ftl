# What is said in English: `.display` for the eye, `.speak` for the voice.

# $time: morning (04 to 12), afternoon (12 to 17), evening (17 to 04), any.
salutation =
    .display = { $time ->
        [morning] Good morning.
        [afternoon] Good afternoon.
        [evening] Good evening.
       *[any] { "" }
    }
    .speak = { $time ->
        [morning] Good morning.
        [afternoon] Good afternoon.
        [evening] Good evening.
       *[any] { "" }
    }

guest =
    .display = Welcome. We are glad that you are here.
    .speak = Welcome. We are glad that you are here.

named =
    .display = Welcome, { $names }. We are glad that you are here.
    .speak = Welcome, { $names }. We are glad that you are here.

# Who was greeted not long ago. For a voice that may not say the names, `again`.
again =
    .display = Welcome back.
    .speak = Welcome back.

again-named =
    .display = Welcome back, { $names }.
    .speak = Welcome back, { $names }.

# How names are put together: what comes of it stands for `$names` above.
title-and-name =
    .display = { $title } { $name }
    .speak = { $title } { $name }

pair =
    .display = { $first } and { $second }
    .speak = { $first } and { $second }

one-and-guests =
    .display = { $first } and our honoured guests
    .speak = { $first } and our honoured guests

pair-and-guests =
    .display = { $first }, { $second } and our honoured guests
    .speak = { $first }, { $second } and our honoured guests

# Occasions, by the names that they have in the file of occasions.
occasion-ramadan =
    .display = Ramadan Mubarak.
    .speak = Ramadan Mubarak.

occasion-fitr =
    .display = Eid Mubarak.
    .speak = Eid Mubarak.

occasion-adha =
    .display = Eid Mubarak.
    .speak = Eid Mubarak.

# $country: ISO 3166-1, two letters.
occasion-national-day =
    .display = { $country ->
        [AE] Happy Eid Al Etihad.
        [JO] Happy Independence Day.
       *[other] Happy National Day.
    }
    .speak = { $country ->
        [AE] Happy Eid Al Etihad.
        [JO] Happy Independence Day.
       *[other] Happy National Day.
    }

occasion-founding-day =
    .display = Happy Founding Day.
    .speak = Happy Founding Day.
