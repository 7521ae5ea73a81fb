package pretrained

const ownKey = "ksparse"

func (r *reader) own() {}
