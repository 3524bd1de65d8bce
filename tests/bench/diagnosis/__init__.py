"""How often the diagnosis is right: a corpus of real short runs whose causes are planted and confirmed by trying the cure."""
