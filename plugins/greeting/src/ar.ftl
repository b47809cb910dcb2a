# What is said in Arabic. `.display` is for the eye, `.speak` for the voice: in `.speak` every letter has its mark, no number is
# written in digits, what stands before a pause is said as before a pause, and a name stands nowhere else.
# The plural of respect (بكم) needs no guess about who stands there; the dual (بكما) is for exactly two.

# $time: morning (04 to 12), afternoon (12 to 17), evening (17 to 04), any.
salutation =
    .display = { $time ->
        [morning] صباح الخير،
        [afternoon] مساء الخير،
        [evening] مساء الخير،
       *[any] السلام عليكم ورحمة الله وبركاته،
    }
    .speak = { $time ->
        [morning] صَبَاحَ الْخَيْرْ،
        [afternoon] مَسَاءَ الْخَيْرْ،
        [evening] مَسَاءَ الْخَيْرْ،
       *[any] اَلسَّلَامُ عَلَيْكُمْ وَرَحْمَةُ اللَّهِ وَبَرَكَاتُهْ،
    }

guest =
    .display = { $people ->
        [two] أهلاً وسهلاً بكما.
       *[other] أهلاً وسهلاً بكم.
    }
    .speak = { $people ->
        [two] أَهْلًا وَسَهْلًا بِكُمَا.
       *[other] أَهْلًا وَسَهْلًا بِكُمْ.
    }

named =
    .display = { $people ->
        [two] أهلاً وسهلاً بكما، { $names }.
       *[other] أهلاً وسهلاً بكم، { $names }.
    }
    .speak = { $people ->
        [two] أَهْلًا وَسَهْلًا بِكُمَا، { $names }.
       *[other] أَهْلًا وَسَهْلًا بِكُمْ، { $names }.
    }

# Who was greeted not long ago. For a voice that may not say the names, `again`.
again =
    .display = { $people ->
        [two] أهلاً بكما من جديد.
       *[other] أهلاً بكم من جديد.
    }
    .speak = { $people ->
        [two] أَهْلًا بِكُمَا مِنْ جَدِيدْ.
       *[other] أَهْلًا بِكُمْ مِنْ جَدِيدْ.
    }

again-named =
    .display = { $people ->
        [two] أهلاً بكما من جديد، { $names }.
       *[other] أهلاً بكم من جديد، { $names }.
    }
    .speak = { $people ->
        [two] أَهْلًا بِكُمَا مِنْ جَدِيدْ، { $names }.
       *[other] أَهْلًا بِكُمْ مِنْ جَدِيدْ، { $names }.
    }

# How names are put together: what comes of it stands for `$names` above.
title-and-name =
    .display = { $title } { $name }
    .speak = { $title } { $name }

pair =
    .display = { $first } و{ $second }
    .speak = { $first }، وَ{ $second }

one-and-guests =
    .display = { $first } والضيوف الكرام
    .speak = { $first }، وَالضُّيُوفُ الْكِرَامْ

pair-and-guests =
    .display = { $first } و{ $second } والضيوف الكرام
    .speak = { $first }، وَ{ $second }، وَالضُّيُوفُ الْكِرَامْ

# Occasions, by the names that they have in the file of occasions.
occasion-ramadan =
    .display = { $people ->
        [two] رمضان مبارك، وكل عام وأنتما بخير.
       *[other] رمضان مبارك، وكل عام وأنتم بخير.
    }
    .speak = { $people ->
        [two] رَمَضَانُ مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمَا بِخَيْرْ.
       *[other] رَمَضَانُ مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمْ بِخَيْرْ.
    }

occasion-fitr =
    .display = { $people ->
        [two] عيد فطر مبارك، وكل عام وأنتما بخير.
       *[other] عيد فطر مبارك، وكل عام وأنتم بخير.
    }
    .speak = { $people ->
        [two] عِيدُ فِطْرٍ مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمَا بِخَيْرْ.
       *[other] عِيدُ فِطْرٍ مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمْ بِخَيْرْ.
    }

occasion-adha =
    .display = { $people ->
        [two] عيد أضحى مبارك، وكل عام وأنتما بخير.
       *[other] عيد أضحى مبارك، وكل عام وأنتم بخير.
    }
    .speak = { $people ->
        [two] عِيدُ أَضْحًى مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمَا بِخَيْرْ.
       *[other] عِيدُ أَضْحًى مُبَارَكْ، وَكُلُّ عَامٍ وَأَنْتُمْ بِخَيْرْ.
    }

# $country: ISO 3166-1, two letters.
occasion-national-day =
    .display = { $country ->
        [SA] كل عام والمملكة العربية السعودية بخير.
        [AE] كل عام ودولة الإمارات بخير.
        [BH] كل عام ومملكة البحرين بخير.
        [EG] كل عام ومصر بخير.
        [JO] كل عام والمملكة الأردنية الهاشمية بخير.
        [KW] كل عام ودولة الكويت بخير.
        [OM] كل عام وسلطنة عُمان بخير.
        [QA] كل عام ودولة قطر بخير.
       *[other] كل عام والوطن بخير.
    }
    .speak = { $country ->
        [SA] كُلُّ عَامٍ وَالْمَمْلَكَةُ الْعَرَبِيَّةُ السُّعُودِيَّةُ بِخَيْرْ.
        [AE] كُلُّ عَامٍ وَدَوْلَةُ الْإِمَارَاتِ بِخَيْرْ.
        [BH] كُلُّ عَامٍ وَمَمْلَكَةُ الْبَحْرَيْنِ بِخَيْرْ.
        [EG] كُلُّ عَامٍ وَمِصْرُ بِخَيْرْ.
        [JO] كُلُّ عَامٍ وَالْمَمْلَكَةُ الْأُرْدُنِّيَّةُ الْهَاشِمِيَّةُ بِخَيْرْ.
        [KW] كُلُّ عَامٍ وَدَوْلَةُ الْكُوَيْتِ بِخَيْرْ.
        [OM] كُلُّ عَامٍ وَسَلْطَنَةُ عُمَانَ بِخَيْرْ.
        [QA] كُلُّ عَامٍ وَدَوْلَةُ قَطَرَ بِخَيْرْ.
       *[other] كُلُّ عَامٍ وَالْوَطَنُ بِخَيْرْ.
    }

occasion-founding-day =
    .display = { $people ->
        [two] نبارك لكما يوم التأسيس.
       *[other] نبارك لكم يوم التأسيس.
    }
    .speak = { $people ->
        [two] نُبَارِكُ لَكُمَا يَوْمَ التَّأْسِيسْ.
       *[other] نُبَارِكُ لَكُمْ يَوْمَ التَّأْسِيسْ.
    }
